# A server where everything that protects is switched on.
region    = "global"
data_dir  = "/var/lib/nomad"
bind_addr = "10.20.0.5"
log_level = "INFO"
log_json  = true

server {
  enabled          = true
  bootstrap_expect = 5
  encrypt          = "h65lqS3w4x42KP+n4Hn9RtK84Rx7zP3WSahZSyD5i1o="

  default_scheduler_config {
    scheduler_algorithm             = "spread"
    memory_oversubscription_enabled = true
    reject_job_registration         = false

    preemption_config {
      batch_scheduler_enabled   = true
      system_scheduler_enabled  = true
      service_scheduler_enabled = true
    }
  }

  oidc_issuer         = "https://oidc.example.internal"
  enable_event_broker = true
  license_path        = "/etc/nomad.d/license.hclic"

  server_join {
    retry_join = [
      "10.20.0.6",
      "10.20.0.7", # trailing commas are fine
    ]
  }
}

acl {
  enabled                  = true
  token_ttl                = "30s"
  policy_ttl               = "60s"
  role_ttl                 = "60s"
  token_min_expiration_ttl = "1m"
  token_max_expiration_ttl = "720h"
  replication_token        = ""
}

tls {
  http = true
  rpc  = true

  ca_file   = "/etc/nomad.d/tls/nomad-agent-ca.pem"
  cert_file = "/etc/nomad.d/tls/global-server-nomad.pem"
  key_file  = "/etc/nomad.d/tls/global-server-nomad-key.pem"

  verify_server_hostname = true
  verify_https_client    = "true"
  rpc_upgrade_mode       = false
  tls_min_version        = "tls13"
  tls_cipher_suites      = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
  tls_prefer_server_cipher_suites = true
}

audit {
  enabled = true

  sink "audit" {
    type               = "file"
    delivery_guarantee = "best-effort"
    format             = "json"
    path               = "/var/log/nomad/audit.log"
    mode               = "0640"
    rotate_bytes       = 104857600
    rotate_duration    = "24h"
    rotate_max_files   = "10"
  }

  filter "health" {
    type       = "HTTPEvent"
    endpoints  = ["/v1/metrics", "/v1/agent/health"]
    stages     = ["*"]
    operations = ["GET"]
  }
}

limits {
  http_max_conns_per_client = 0
  rpc_max_conns_per_client  = 0xff
}

sentinel {
  import "notify" {
    path = "/opt/sentinel/notify"
    args = ["-quiet"]
  }
}

keyring "awskms" {
  active     = true
  region     = "us-east-1"
  kms_key_id = "19ec80b0-dfdd-4d97-8164-c6examplekey"
}

reporting {
  license {
    enabled = false
  }
}

rpc {
  keep_alive_interval = "30s"
  dial_timeout        = "10s"
}

http_api_response_headers {
  X-Frame-Options = "DENY"
  "Strict-Transport-Security" = "max-age=31536000"
}
