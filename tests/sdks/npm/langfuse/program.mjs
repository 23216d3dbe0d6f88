// A chat as the documentation of Langfuse's SDK tells to write it.
// LANGFUSE_BASE_URL=… LANGFUSE_PUBLIC_KEY=… LANGFUSE_SECRET_KEY=… node program.mjs SESSION
import { LangfuseSpanProcessor } from '@langfuse/otel';
import {
  observe,
  propagateAttributes,
  startActiveObservation,
  startObservation,
  updateActiveObservation,
} from '@langfuse/tracing';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const [sessionId] = process.argv.slice(2);
const processor = new LangfuseSpanProcessor({ environment: 'staging', release: 'r7' });
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();

// Models and tools take time: what begins in one millisecond has no order to OpenTelemetry's SDK.
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

const told = {
  sessionId,
  userId: 'ada',
  traceName: 'turn',
  version: '1.2',
  tags: ['a', 'b'],
  metadata: { plan: 'pro' },
};

// The first turn: an agent calls a tool and a model.
await startActiveObservation(
  'agent',
  async (agent) => {
    agent.update({ input: { question: 'Where is my order?' } });
    await propagateAttributes(told, async () => {
      await startActiveObservation(
        'lookup_order',
        async (tool) => {
          tool.update({ input: { order: 4711 }, output: { state: 'sent' } });
          await pause();
        },
        { asType: 'tool' },
      );
      await startActiveObservation(
        'answer',
        async (generation) => {
          await pause();
          generation.update({
            model: 'gpt-4o',
            modelParameters: { temperature: 0.5 },
            input: [{ role: 'user', content: 'Where is my order?' }],
            output: { role: 'assistant', content: 'It arrives on Thursday.' },
            usageDetails: { input: 20, output: 5, cache_read_input_tokens: 10, total: 35 },
            costDetails: { input: 0.001, output: 0.002, total: 0.003 },
          });
        },
        { asType: 'generation' },
      );
    });
    agent.update({ output: 'It arrives on Thursday.' });
  },
  { asType: 'agent' },
);

await pause();

// The second: a function that is observed, with the session around it, and no total told.
const answer = observe(
  async (question) => {
    updateActiveObservation(
      {
        model: 'gpt-4o-mini',
        usageDetails: { input: 7, output: 3 },
        costDetails: { input: 0.0004, output: 0.0006 },
      },
      { asType: 'generation' },
    );
    return `Answer to: ${question}`;
  },
  { name: 'answer', asType: 'generation' },
);
await propagateAttributes(told, () => answer('And the other one?'));

await pause();

// The third fails.
await propagateAttributes(told, async () => {
  const span = startObservation('pay', { input: 'Pay it.' });
  await pause();
  span
    .startObservation('charge', { level: 'ERROR', statusMessage: 'card refused' }, { asType: 'tool' })
    .end();
  span.update({ level: 'WARNING', statusMessage: 'not paid', output: 'Your card was refused.' });
  span.end();
});

await provider.shutdown();
