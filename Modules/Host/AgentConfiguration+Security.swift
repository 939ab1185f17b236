// SPDX-License-Identifier: Apache-2.0

/// Who may do what, over which connections, and what is written down of it.
extension AgentConfiguration {
    /// Nomad's `acl` block.
    package struct ACL: Equatable, Sendable {
        package var isEnabled = false
        /// How long others may keep what a token, a policy or a role says. Servers keep it for as
        /// long as their tables do not change.
        package var tokenTTL: Duration = .seconds(30)
        package var policyTTL: Duration = .seconds(30)
        package var roleTTL: Duration = .seconds(30)
        /// What a new token's time to live may be.
        package var tokenMinExpirationTTL: Duration = .seconds(60)
        package var tokenMaxExpirationTTL: Duration = .seconds(86_400)
        /// Whether a second bootstrap, by reset file, revokes the management tokens of before.
        package var bootstrapResetRevokes = false
    }

    package enum TLSVersion: String, CaseIterable, Sendable {
        case tls12, tls13
    }

    /// Nomad's `tls` block. Paths are absolute.
    package struct TLS: Equatable, Sendable {
        /// Whether the HTTP API speaks TLS.
        package var http = false
        /// Whether servers speak TLS with each other: Raft, and gossip where it uses TCP.
        package var rpc = false
        package var caFile: String?
        package var certFile: String?
        package var keyFile: String?
        /// Whether a peer's certificate must name `server.<region>.nomad`.
        package var verifyServerHostname = false
        /// Whether clients of the HTTP API must show a certificate of the authority.
        package var verifyHTTPSClient = false
        /// Takes peers with and without TLS, for as long as a cluster is switched over.
        package var rpcUpgradeMode = false
        package var minimumVersion = TLSVersion.tls12
        /// By their names in the IANA registry, the best first; empty for the usual ones.
        package var cipherSuites: [String] = []
        /// Read for Nomad's sake: newer TLS leaves the choice to the client.
        package var prefersServerCipherSuites = false
    }

    /// Nomad's `audit` block.
    package struct Audit: Equatable, Sendable {
        package enum DeliveryGuarantee: String, CaseIterable, Sendable {
            /// A request that cannot be written down is not carried out.
            case enforced
            case bestEffort = "best-effort"
        }

        package enum SinkType: String, CaseIterable, Sendable {
            case file
        }

        package enum Format: String, CaseIterable, Sendable {
            case json
        }

        package struct Sink: Equatable, Sendable {
            package let name: String
            package var type = SinkType.file
            package var deliveryGuarantee = DeliveryGuarantee.enforced
            package var format = Format.json
            /// Absolute; nil for `audit/audit.log` in the data folder.
            package var path: String?
            /// As `chmod` takes it. Read for Nomad's sake: the files are always 0600.
            package var mode = 0o600
            /// A file that has grown to this is put aside; 0 for no bound.
            package var rotateBytes = 0
            /// As is one that is as old as this; 0 for no bound.
            package var rotateDuration: Duration = .seconds(86_400)
            /// How many that were put aside are kept; 0 for all.
            package var rotateMaxFiles = 0

            package init(name: String) {
                self.name = name
            }
        }

        package var isEnabled = false
        /// As configured, by their names; see ``AgentConfiguration/auditSinks``.
        package var sinks: [Sink] = []
    }

    /// Where audit lines go: none while it is off, and one file when no sink is configured.
    package var auditSinks: [Audit.Sink] {
        guard audit.isEnabled else { return [] }
        return audit.sinks.isEmpty ? [Audit.Sink(name: "file")] : audit.sinks
    }

    /// Where a sink writes; nil only without a data folder.
    package func auditPath(of sink: Audit.Sink) -> String? {
        sink.path ?? dataDirectory.map { "\($0)/audit/audit.log" }
    }

    /// Makes the sink of this name a new one.
    ///
    /// - Returns: where it stands.
    mutating func beginAuditSink(named name: String) -> Int {
        let sink = Audit.Sink(name: name)
        if let index = audit.sinks.firstIndex(where: { $0.name == name }) {
            audit.sinks[index] = sink
            return index
        }
        audit.sinks.append(sink)
        return audit.sinks.count - 1
    }
}
