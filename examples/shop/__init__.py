"""A shop of four FastAPI services, auto-instrumented with OpenTelemetry: live input for the demo.

storefront → catalog (SQL), storefront → checkout (SQL) → payments → a bank that is slow on request. Knows nothing of
Tailrace: it exports OTLP.
"""
