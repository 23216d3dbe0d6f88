"""The part of Langfuse's public API that its SDKs need."""
