# The configuration of a Martlet server. `martlet config validate /etc/martlet.d` checks it, and
# `martlet config explain /etc/martlet.d` shows what it comes to. The keys are Nomad's.

# name      = "s1"                    # default: the host's name
data_dir  = "/var/lib/martlet"
bind_addr = "127.0.0.1"               # the address that the other servers reach this one by

server {
  enabled          = true
  bootstrap_expect = 1                # how many servers found the cluster together; the same on each

  # server_join {
  #   retry_join = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
  # }
}
