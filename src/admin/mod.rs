//! The admin port: `/livez`, `/readyz`, `/metrics`; `/endpoints` in manifests mode.
