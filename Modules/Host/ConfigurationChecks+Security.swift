// SPDX-License-Identifier: Apache-2.0

/// ACLs, TLS and the audit log.
extension ConfigurationReader {
    mutating func checkSecurity() {
        let acl = configuration.acl
        if acl.tokenMinExpirationTTL > acl.tokenMaxExpirationTTL {
            report(
                "acl.token_min_expiration_ttl",
                "\(goText(acl.tokenMinExpirationTTL)) is more than token_max_expiration_ttl, which"
                    + " is \(goText(acl.tokenMaxExpirationTTL))")
        }
        checkTLS(configuration.tls)
        checkAudit(configuration.audit)
    }

    private mutating func checkTLS(_ tls: AgentConfiguration.TLS) {
        if tls.http || tls.rpc {
            let asker = tls.http ? "tls.http" : "tls.rpc"
            for (key, file) in [
                ("ca_file", tls.caFile), ("cert_file", tls.certFile), ("key_file", tls.keyFile),
            ] where file == nil {
                report("tls.\(key)", "missing: \(asker) is true, and TLS needs this file")
            }
        }
        // What its writer believes to be in force, and is not.
        if tls.verifyHTTPSClient, !tls.http {
            warn("tls.verify_https_client", "has no effect while tls.http is not true")
        }
        if tls.verifyServerHostname, !tls.rpc {
            warn("tls.verify_server_hostname", "has no effect while tls.rpc is not true")
        }
        if tls.rpcUpgradeMode {
            warn(
                "tls.rpc_upgrade_mode",
                tls.rpc
                    ? "servers without TLS are taken too: switch it off once all have it"
                    : "has no effect while tls.rpc is not true")
        }
    }

    private mutating func checkAudit(_ audit: AgentConfiguration.Audit) {
        guard audit.isEnabled else { return }
        if let sink = audit.sinks.first, sink.mode != 0o600 {
            warn("audit.sink.\(sink.name).mode", "has no effect: audit files are always 0600")
        }
        guard audit.sinks.count > 1 else { return }
        report("audit.sink.\(audit.sinks[1].name)", "a second sink: there is one audit log")
    }
}
