// The same two spans through each of OpenTelemetry's exporters for JavaScript, plain and by gzip.
// node program.mjs GRPC HTTP SESSION
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const [grpc, http, sessionId] = process.argv.slice(2);
const url = `${http}/v1/traces`;
const exporters = {};
for (const compression of ['none', 'gzip']) {
  exporters[`grpc ${compression}`] = new GrpcExporter({ url: `http://${grpc}`, compression });
  exporters[`json ${compression}`] = new JsonExporter({ url, compression });
  exporters[`protobuf ${compression}`] = new ProtobufExporter({ url, compression });
}

for (const [name, exporter] of Object.entries(exporters)) {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'session.id': sessionId }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('tests', '1.0');
  const root = tracer.startSpan(name, { kind: SpanKind.SERVER });
  const child = tracer.startSpan(
    `${name}: child`,
    {
      attributes: {
        text: 'grüße \u{1f600}',
        number: -5,
        large: Number.MAX_SAFE_INTEGER,
        ratio: 0.25,
        flag: true,
        list: ['a', 'b'],
      },
      links: [{ context: root.spanContext(), attributes: { why: 'test' } }],
    },
    trace.setSpan(context.active(), root),
  );
  child.addEvent('event', { n: 1 });
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'no luck' });
  child.end();
  root.end();
  await provider.shutdown();
}
