// A small site: one machine that is server and client at once, with Consul and Vault beside it.
datacenter = "lab"
data_dir   = "/srv/nomad"

advertise { http = "192.168.7.2" rpc = "192.168.7.2" serf = "192.168.7.2" }

server {
  enabled = true
  bootstrap_expect = 1
  retry_join = ["192.168.7.2"]
}

client {
  enabled           = true
  node_class        = "lab"
  servers           = ["127.0.0.1:4647"]
  network_interface = "eth0"
  max_kill_timeout  = "30s"
  gc_interval       = "1m"
  gc_disk_usage_threshold = 80.5
  no_host_uuid      = false

  meta {
    "rack" = "r1"
    owner  = "${unique.hostname}"
    motd   = <<EOT
welcome to
  the lab
EOT
  }

  options = {
    "driver.raw_exec.enable" = "1"
    "user.denylist"          = "root"
  }

  reserved {
    cpu            = 500
    memory         = 512
    reserved_ports = "22,8500-8600"
  }

  host_volume "certs" {
    path      = "/etc/ssl/certs"
    read_only = true
  }

  host_network "private" {
    cidr = "192.168.7.0/24"
  }

  template {
    disable_file_sandbox = false
    function_denylist    = []
    wait {
      min = "5s"
      max = "4m"
    }
    consul_retry { attempts = 0 backoff = "250ms" }
  }

  artifact {
    http_max_size = "100GB"
  }

  chroot_env {
    "/bin" = "/bin"
  }
}

plugin "docker" {
  config {
    endpoint         = "unix:///var/run/docker.sock"
    allow_privileged = false
    volumes { enabled = true }
    extra_labels = ["job_name", "task_group_name"]
    gc { image = true, image_delay = "3m", container = true }
  }
}

plugin "raw_exec" {
  config { enabled = true }
}

consul {
  name    = "default"
  address = "127.0.0.1:8500"
  token   = "b5ab2b8d-0b4e-4b7a-9d4e-5f5c5d9f9a10"
  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}

vault {
  enabled          = true
  name             = "default"
  address          = "https://127.0.0.1:8200"
  create_from_role = "nomad-cluster"
  default_identity {
    aud = ["vault.io"]
    ttl = "1h"
  }
}

telemetry {
  prometheus_metrics = true
  datadog_tags       = ["site:lab"]
}

ui { enabled = false }
