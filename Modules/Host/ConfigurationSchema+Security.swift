// SPDX-License-Identifier: Apache-2.0

/// Who may do what, how much of it, and what is written down.
extension Schema {
    static func acl() -> [Key] {
        let ttl: ClosedRange<Duration> = .zero...day
        let expiration: ClosedRange<Duration> = .seconds(1)...(day * 3_660)
        return [
            Key("enabled", .bool(\.acl.isEnabled)),
            Key("token_ttl", .duration(\.acl.tokenTTL, ttl)),
            Key("policy_ttl", .duration(\.acl.policyTTL, ttl)),
            Key("role_ttl", .duration(\.acl.roleTTL, ttl)),
            Key("token_min_expiration_ttl", .duration(\.acl.tokenMinExpirationTTL, expiration)),
            Key("token_max_expiration_ttl", .duration(\.acl.tokenMaxExpirationTTL, expiration)),
            Key("bootstrap_reset_revokes", .bool(\.acl.bootstrapResetRevokes)),
            Key(
                "replication_token",
                .withoutEffect("there is one region: tokens are nowhere to be copied from")),
        ]
    }

    static func tls() -> [Key] {
        let version = Choice(\.tls.minimumVersion, because: "what is older is broken")
        return [
            Key("http", .bool(\.tls.http)),
            Key("rpc", .bool(\.tls.rpc)),
            Key("ca_file", .optionalText(\.tls.caFile, Rule.absolutePath)),
            Key("cert_file", .optionalText(\.tls.certFile, Rule.absolutePath)),
            Key("key_file", .optionalText(\.tls.keyFile, Rule.absolutePath)),
            Key("verify_server_hostname", .bool(\.tls.verifyServerHostname)),
            Key("verify_https_client", .bool(\.tls.verifyHTTPSClient)),
            Key("rpc_upgrade_mode", .bool(\.tls.rpcUpgradeMode)),
            Key("tls_min_version", .choice(version)),
            Key(
                "tls_cipher_suites", .commaSeparated(\.tls.cipherSuites, each: Rule.cipherSuite)),
            Key("tls_prefer_server_cipher_suites", .bool(\.tls.prefersServerCipherSuites)),
        ]
    }

    static func limits() -> [Key] {
        let count = 0...1_000_000
        let timeout: ClosedRange<Duration> = .zero...hour
        let wait: ClosedRange<Duration> = .milliseconds(100)...hour
        return [
            Key("https_handshake_timeout", .duration(\.limits.httpsHandshakeTimeout, timeout)),
            Key("http_max_conns_per_client", .number(\.limits.httpMaxConnectionsPerClient, count)),
            Key("rpc_handshake_timeout", .duration(\.limits.rpcHandshakeTimeout, timeout)),
            Key("rpc_max_conns_per_client", .number(\.limits.rpcMaxConnectionsPerClient, count)),
            Key("rpc_hold_timeout", .duration(\.limits.rpcHoldTimeout, .zero...(.seconds(60)))),
            Key("http_max_conns", .number(\.limits.httpMaxConnections, 1...1_000_000)),
            Key("http_max_requests", .number(\.limits.httpMaxRequests, 1...1_000_000)),
            Key(
                "http_max_requests_per_client",
                .number(\.limits.httpMaxRequestsPerClient, 1...1_000_000)),
            Key("http_header_timeout", .duration(\.limits.httpHeaderTimeout, wait)),
            Key("http_body_timeout", .duration(\.limits.httpBodyTimeout, wait)),
            Key("http_idle_timeout", .duration(\.limits.httpIdleTimeout, wait)),
        ]
    }

    static func audit() -> [Key] {
        [
            Key("enabled", .bool(\.audit.isEnabled)),
            Key("sink", .auditSinks),
            Key("filter", .withoutEffect("nothing is left out of the audit log")),
        ]
    }

    /// The keys of the sink that stands at `index` in the configuration.
    static func auditSink(at index: Int) -> [Key] {
        let sink: WritableKeyPath<AgentConfiguration, AgentConfiguration.Audit.Sink> =
            \.audit.sinks[index]
        return [
            Key("type", .choice(Choice(sink.appending(path: \.type)))),
            Key("delivery_guarantee", .choice(Choice(sink.appending(path: \.deliveryGuarantee)))),
            Key("format", .choice(Choice(sink.appending(path: \.format)))),
            Key("path", .optionalText(sink.appending(path: \.path), Rule.absolutePath)),
            Key("mode", .fileMode(sink.appending(path: \.mode))),
            Key("rotate_bytes", .number(sink.appending(path: \.rotateBytes), 0...Int.max)),
            Key(
                "rotate_duration",
                .duration(sink.appending(path: \.rotateDuration), .zero...(day * 366))),
            Key("rotate_max_files", .number(sink.appending(path: \.rotateMaxFiles), 0...100_000)),
        ]
    }
}
