// A chat as the documentation of the AI SDK 6 tells to write it, with a model that is made up.
// node program.mjs ENDPOINT SESSION
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { embed, generateText, stepCountIs, streamText, tool } from 'ai';
import { MockEmbeddingModelV3, MockLanguageModelV3, simulateReadableStream } from 'ai/test';
import { z } from 'zod';

const [endpoint, sessionId] = process.argv.slice(2);
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'shop' }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }))],
});
provider.register();

const experimental_telemetry = {
  isEnabled: true,
  functionId: 'chat',
  metadata: { sessionId, userId: 'ada', tags: ['a', 'b'] },
};
const usage = (input, output, { cached = 0, reasoning = 0 } = {}) => ({
  inputTokens: { total: input, noCache: input - cached, cacheRead: cached, cacheWrite: 0 },
  outputTokens: { total: output, text: output - reasoning, reasoning },
});
const named = { provider: 'openai', modelId: 'gpt-4o' };
// Models and tools take time: what begins in one millisecond has no order to OpenTelemetry's SDK.
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

// The first turn: the model calls a tool, is told what it found, and answers.
const answers = [
  {
    content: [
      { type: 'tool-call', toolCallId: 'c1', toolName: 'lookup_order', input: '{"order":4711}' },
    ],
    finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
    usage: usage(20, 5),
    warnings: [],
  },
  {
    content: [{ type: 'text', text: 'It arrives on Thursday.' }],
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: usage(30, 7, { cached: 10, reasoning: 2 }),
    warnings: [],
  },
];
await generateText({
  model: new MockLanguageModelV3({ ...named, doGenerate: async () => (await pause(), answers.shift()) }),
  system: 'You help with orders.',
  messages: [{ role: 'user', content: 'Where is my order?' }],
  tools: {
    lookup_order: tool({
      inputSchema: z.object({ order: z.number() }),
      execute: async ({ order }) => (await pause(), { order, state: 'sent' }),
    }),
  },
  stopWhen: stepCountIs(3),
  experimental_telemetry,
});

await pause();

// The second: the answer comes as a stream.
const streamed = streamText({
  model: new MockLanguageModelV3({
    ...named,
    doStream: async () => ({
      stream: simulateReadableStream({
        chunks: [
          { type: 'text-start', id: '1' },
          { type: 'text-delta', id: '1', delta: 'You are ' },
          { type: 'text-delta', id: '1', delta: 'welcome.' },
          { type: 'text-end', id: '1' },
          {
            type: 'finish',
            finishReason: { unified: 'stop', raw: 'stop' },
            usage: usage(11, 4),
          },
        ],
      }),
    }),
  }),
  prompt: 'Thank you!',
  experimental_telemetry,
});
await streamed.consumeStream();

await pause();

// The third: something is looked up by an embedding.
await embed({
  model: new MockEmbeddingModelV3({
    provider: 'openai',
    modelId: 'text-embedding-3-small',
    doEmbed: async () => ({ embeddings: [[0.1, 0.2]], usage: { tokens: 6 }, warnings: [] }),
  }),
  value: 'shoes',
  experimental_telemetry,
});

await pause();

// The fourth: the model is away.
const away = async () => {
  throw new Error('the model is away');
};
await generateText({
  model: new MockLanguageModelV3({ ...named, doGenerate: away }),
  prompt: 'And the other one?',
  maxRetries: 0,
  experimental_telemetry,
}).catch(() => {});

await provider.shutdown();
