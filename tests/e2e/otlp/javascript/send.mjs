// Sends spans with unmodified exporters, one after another, and ends; prints how each fared.
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [http, grpc] = process.argv.slice(2);
const exporters = {
  grpc: new GrpcExporter({ url: `http://${grpc}` }),
  json: new JsonExporter({ url: `http://${http}/v1/traces` }),
  protobuf: new ProtobufExporter({ url: `http://${http}/v1/traces`, compression: "gzip" }),
};
for (const [name, exporter] of Object.entries(exporters)) {
  const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  for (let number = 0; number < 100; number++) {
    provider.getTracer("javascript").startSpan(`javascript ${name} ${number}`).end();
  }
  await provider.shutdown();
}
