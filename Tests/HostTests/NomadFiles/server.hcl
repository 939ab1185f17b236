# A server as a handbook would write it: three of them, one datacenter, metrics sent to statsd.
name       = "nomad-1"
region     = "eu"
datacenter = "fra1"

data_dir   = "/opt/nomad/data"
plugin_dir = "/opt/nomad/plugins"

bind_addr = "0.0.0.0" # the default

addresses {
  http = "127.0.0.1"
}

advertise {
  // Defaults to the first private IP address.
  http = "10.1.0.11"
  rpc  = "10.1.0.11"
  serf = "10.1.0.11:5648" # non-default ports may be specified
}

ports {
  http = 4646
  rpc  = 4647
  serf = 5648
}

log_level            = "WARN"
log_json             = false
log_include_location = true
log_file             = "/var/log/nomad/nomad.log"
log_rotate_bytes     = 104857600
log_rotate_duration  = "24h"
log_rotate_max_files = 7
enable_syslog        = false
syslog_facility      = "LOCAL0"
enable_debug         = false

disable_update_check        = true
disable_anonymous_signature = true

leave_on_interrupt = false
leave_on_terminate = false

/* The cluster: each server
   looks for the other two. */
server {
  enabled          = true
  bootstrap_expect = 3
  data_dir         = ""

  authoritative_region   = ""
  protocol_version       = 1
  raft_protocol          = 3
  raft_multiplier        = 1
  enabled_schedulers     = ["service", "batch", "system", "sysbatch"]
  num_schedulers         = 4
  heartbeat_grace        = "30s"
  min_heartbeat_ttl      = "10s"
  max_heartbeats_per_second = 50.0
  failover_heartbeat_ttl = "5m"

  node_gc_threshold       = "24h"
  job_gc_interval         = "5m"
  job_gc_threshold        = "4h"
  eval_gc_threshold       = "1h"
  batch_eval_gc_threshold = "24h"
  deployment_gc_threshold = "1h"

  csi_volume_claim_gc_interval  = "5m"
  csi_volume_claim_gc_threshold = "1h"
  csi_plugin_gc_threshold       = "1h"
  acl_token_gc_threshold        = "1h"
  root_key_gc_interval          = "10m"
  root_key_gc_threshold         = "1h"
  root_key_rotation_threshold   = "720h"

  encrypt            = "cg8StVXbQJ0gPvMd9o7yrg=="
  rejoin_after_leave = true
  event_buffer_size  = 100
  job_max_source_size = "1M"

  plan_rejection_tracker {
    enabled        = true
    node_threshold = 100
    node_window    = "10m"
  }

  search {
    fuzzy_enabled   = true
    limit_query     = 200
    limit_results   = 1000
    min_term_length = 5
  }

  raft_boltdb {
    no_freelist_sync = false
  }

  server_join {
    retry_join     = ["10.1.0.12:5648", "10.1.0.13:5648", "nomad-4.example.internal"]
    retry_max      = 0
    retry_interval = "15s"
  }
}

client {
  enabled = false
}

autopilot {
  cleanup_dead_servers      = true
  last_contact_threshold    = "200ms"
  max_trailing_logs         = 250
  min_quorum                = 3
  server_stabilization_time = "10s"
  enable_redundancy_zones   = false
  disable_upgrade_migration = false
  enable_custom_upgrades    = false
}

telemetry {
  collection_interval        = "1s"
  disable_hostname           = true
  use_node_name              = false
  prometheus_metrics         = false
  publish_allocation_metrics = true
  publish_node_metrics       = true
  filter_default             = true
  prefix_filter              = ["-nomad.raft", "+nomad.raft.apply"]
  statsd_address             = "statsd.example.internal:8125"
}

limits {
  http_max_conns_per_client = 100
  rpc_max_conns_per_client  = 100
  https_handshake_timeout   = "5s"
  rpc_handshake_timeout     = "5s"
}

acl {
  enabled = false
}

ui {
  enabled = true

  content_security_policy {
    connect_src     = ["*"]
    default_src     = ["'none'"]
    frame_ancestors = ["'none'"]
  }

  label {
    text             = "Frankfurt"
    background_color = "yellow"
    text_color       = "#000000"
  }
}

consul {
  address             = "127.0.0.1:8500"
  server_service_name = "nomad"
  auto_advertise      = true
  server_auto_join    = false
}

vault {
  enabled = false
  address = "https://vault.example.internal:8200"
}

http_api_response_headers {
  Access-Control-Allow-Origin = "*"
}
