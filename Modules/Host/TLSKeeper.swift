// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletServer
import MartletTransport

/// A running agent's TLS: the streams of its ports, their certificates read anew when that is
/// wished, their ends watched, and who was refused. On the loop.
final class TLSKeeper: Meters {
    typealias Reread = @Sendable () -> Result<TLSPlan?, TLSProblem>

    /// What the ports are served on, with TLS or without.
    let httpStreams: any Streams
    let peerStreams: any Streams
    private let securedHTTP: (any SecuredStreams)?
    private let securedPeers: (any SecuredStreams)?
    private let loop: any Loop
    private let lane: any Lane
    private let logger: Logger
    private let reread: Reread
    private var timer: (any LoopTimer)?
    private var isReloading = false

    private static let day: Int64 = 86_400
    private static let warnedDays: Int64 = 30

    /// - Parameters:
    ///   - plan: nil for plaintext on all ports.
    ///   - reread: reads the configuration and its files again. Blocks; any thread.
    init(
        _ plan: TLSPlan?, _ plugins: HostPlugins, logger: Logger, reread: @escaping Reread
    ) throws(TLSProblem) {
        let plain = plugins.makeStreams()
        let log = TLSLog(loop: plugins.loop, logger: logger)
        func secured(
            _ policy: SecurityPolicy?, _ port: String
        ) throws(TLSProblem) -> (any SecuredStreams)? {
            guard let plan, let policy else { return nil }
            do throws(SecurityError) {
                return try plugins.security.secure(
                    plain, on: plugins.loop, policy: policy, material: plan.material
                ) { log.note($0, port: port) }
            } catch {
                throw plan.problem(error)
            }
        }
        securedHTTP = try secured(plan?.http, "http")
        securedPeers = try secured(plan?.peer, "rpc")
        httpStreams = securedHTTP ?? plain
        peerStreams = securedPeers ?? plain
        loop = plugins.loop
        lane = plugins.loop.makeLane(named: "tls")
        self.logger = logger
        self.reread = reread
    }

    /// Says what there is, and watches it from here on.
    func start() {
        guard let facts else { return }
        logger.info("TLS is on", metadata: describe(facts))
        checkExpiry()
        let timer = loop.makeTimer { [weak self] in self?.checkExpiry() }
        self.timer = timer
        armTimer()
    }

    private func armTimer() { timer?.arm(at: loop.now + .seconds(Self.day)) }

    private var facts: SecurityFacts? { securedPeers?.facts ?? securedHTTP?.facts }

    private func describe(_ facts: SecurityFacts) -> Logger.Metadata {
        [
            "http": "\(securedHTTP != nil)", "rpc": "\(securedPeers != nil)",
            "certificate": "\(facts.certificate.commonName)",
            "days_left": "\((facts.certificate.notAfter - now) / Self.day)",
        ]
    }

    private var now: Int64 { loop.wallClockNanoseconds / 1_000_000_000 }

    // MARK: Reloading

    /// Reads the files again. What is right replaces what new connections use; what is wrong is
    /// logged, and changes nothing.
    func reload() {
        guard facts != nil else {
            logger.info("SIGHUP: without TLS nothing can change while running")
            return
        }
        guard !isReloading else { return }
        isReloading = true
        lane.submit(reread) { [weak self] result in
            self?.isReloading = false
            self?.take(result)
        }
    }

    private func take(_ result: Result<TLSPlan?, TLSProblem>) {
        do throws(TLSProblem) {
            guard let plan = try result.get() else {
                throw TLSProblem("tls.http and tls.rpc are switched off by a restart only")
            }
            let replacements = [
                try prepare(securedHTTP, plan.http, plan, "tls.http"),
                try prepare(securedPeers, plan.peer, plan, "tls.rpc"),
            ]
            for replacement in replacements { replacement?.commit() }
            for warning in plan.warnings { logger.warning("\(warning)") }
            if let facts { logger.info("TLS was reloaded", metadata: describe(facts)) }
            checkExpiry()
        } catch {
            logger.error(
                "TLS was not reloaded: what was in use stays", metadata: ["error": "\(error.text)"])
        }
    }

    private func prepare(
        _ streams: (any SecuredStreams)?, _ policy: SecurityPolicy?, _ plan: TLSPlan,
        _ key: String
    ) throws(TLSProblem) -> SecurityReplacement? {
        guard let streams, let policy else {
            guard streams == nil, policy == nil else {
                throw TLSProblem("\(key) is switched on and off by a restart only")
            }
            return nil
        }
        do throws(SecurityError) {
            return try streams.prepare(policy, plan.material)
        } catch {
            throw plan.problem(error)
        }
    }

    // MARK: Expiry

    private func checkExpiry() {
        armTimer()
        guard let facts else { return }
        tellExpiry(of: "certificate", facts.certificate)
        if let authority = Self.authority(of: facts) { tellExpiry(of: "authority", authority) }
    }

    private func tellExpiry(of what: String, _ certificate: CertificateFacts) {
        let left = certificate.notAfter - now
        let metadata: Logger.Metadata = ["subject": "\(certificate.subject)"]
        if left < 0 {
            logger.error(
                "the TLS \(what) has expired: other servers and clients refuse this one",
                metadata: metadata)
        } else if left < Self.warnedDays * Self.day {
            logger.warning(
                "the TLS \(what) expires in \(certificate.timeLeft(at: now))", metadata: metadata)
        }
    }

    /// Whoever certified this server; of several with one name the one that lasts.
    private static func authority(of facts: SecurityFacts) -> CertificateFacts? {
        facts.authorities.filter { $0.subject == facts.certificate.issuer }
            .max { $0.notAfter < $1.notAfter } ?? facts.authorities.first
    }

    // MARK: Meters

    var gauges: [(String, Double)] {
        guard let facts else { return [] }
        var gauges = [
            ("nomad.agent.tls.cert_expiry_seconds", Double(facts.certificate.notAfter - now))
        ]
        if let authority = Self.authority(of: facts) {
            gauges.append(("nomad.agent.tls.ca_expiry_seconds", Double(authority.notAfter - now)))
        }
        return gauges
    }

    var counters: [(String, UInt64)] {
        Self.counters(of: securedHTTP, "http") + Self.counters(of: securedPeers, "rpc")
    }

    private static func counters(
        of streams: (any SecuredStreams)?, _ port: String
    ) -> [(String, UInt64)] {
        guard let counts = streams?.counts else { return [] }
        let name = "nomad.agent.tls.\(port)"
        return [
            ("\(name).accepted", counts.accepted), ("\(name).connected", counts.connected),
            ("\(name).plaintext", counts.plaintext),
        ]
            + SecurityNotice.Reason.allCases.map {
                ("\(name).refused.\($0.rawValue)", counts[$0])
            }
    }
}

extension CertificateFacts {
    /// `12 days`, of less than two `47 h`: how long it is good yet, at this Unix time.
    func timeLeft(at now: Int64) -> String {
        let hours = (notAfter - now) / 3600
        return hours < 48 ? "\(hours) h" : "\(hours / 24) days"
    }
}
