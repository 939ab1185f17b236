// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletSimulation
import MartletStorage
import MartletTransport
import Synchronization
import Testing

@testable import MartletHost

@Suite("TLS of a running agent") struct TLSKeeperTests {
    private let world = SimulatedWorld(seed: 1)
    private let host: SimulatedHost
    private let lines = Lines()
    private let security = FakeSecurity()

    init() { host = world.makeHost("host") }

    private static func plan(_ content: UInt8, http: Bool = true, peer: Bool = true) -> TLSPlan {
        TLSPlan(
            files: TLSFiles(certificate: "/cert", key: "/key", authorities: "/ca"),
            material: SecurityMaterial(certificates: [content], key: [], authorities: []),
            http: http ? SecurityPolicy() : nil, peer: peer ? SecurityPolicy() : nil, warnings: [])
    }

    private func keeper(_ plan: TLSPlan?, then next: Result<TLSPlan?, TLSProblem>) throws
        -> TLSKeeper
    {
        let box = Unchecked(host)
        let plugins = HostPlugins(
            loop: host.loop, runLoop: {}, stopLoop: {}, makeStreams: { box.value.streams },
            makeDatagrams: { box.value.datagrams },
            makeProcesses: { preconditionFailure("no processes") }, crypto: host.crypto,
            security: security, certificates: NoCertificates(), compression: host.compression,
            files: host.files,
            openStores: { (_, path) throws(StoreError) in throw StoreError.broken("none: \(path)")
            },
            writeOutput: { _ in }, writeError: { _ in }, hostName: "host", temporaryDirectory: "/")
        return try TLSKeeper(
            plan, plugins, logger: lines.logger, reread: { next })
    }

    /// Days from the host's present.
    private func day(_ days: Int64) -> Int64 {
        host.loop.wallClockNanoseconds / 1_000_000_000 + days * 86_400 + 10
    }

    @Test("Without TLS the ports are served as they are, and there is nothing to reload")
    func plain() throws {
        let keeper = try keeper(nil, then: .success(nil))
        #expect(keeper.httpStreams === host.streams && keeper.peerStreams === host.streams)
        keeper.start()
        keeper.reload()
        #expect(keeper.gauges.isEmpty && keeper.counters.isEmpty)
        #expect(lines.all == ["info: SIGHUP: without TLS nothing can change while running"])
    }

    @Test("What cannot secure anything keeps the agent from starting, by the name of its file")
    func refused() {
        security.refused = [9]
        #expect(throws: TLSProblem("tls.cert_file /cert: no good")) {
            _ = try keeper(Self.plan(9), then: .success(nil))
        }
    }

    @Test("A reload replaces both ports' certificates")
    func reload() throws {
        security.notAfter = day(100)
        let keeper = try keeper(Self.plan(1), then: .success(Self.plan(2)))
        keeper.start()
        keeper.reload()
        #expect(world.run { lines.all.contains { $0.contains("TLS was reloaded") } })
        #expect(security.made.map(\.content) == [[2], [2]])
    }

    @Test("A reload that fails for one port changes neither")
    func failure() throws {
        security.notAfter = day(100)
        let keeper = try keeper(Self.plan(1), then: .success(Self.plan(2)))
        security.made[1].refused = [2]
        keeper.reload()
        #expect(world.run { !lines.all.isEmpty })
        #expect(
            lines.all == [
                "error: TLS was not reloaded: what was in use stays: tls.cert_file /cert: no good"
            ])
        #expect(security.made.map(\.content) == [[1], [1]])
    }

    @Test("Files that cannot be read, and ports that change sides, are told and change nothing")
    func problems() throws {
        let nexts: [(Result<TLSPlan?, TLSProblem>, String)] = [
            (.failure(TLSProblem("gone")), "gone"), (.success(nil), "by a restart only"),
            (
                .success(Self.plan(2, http: false)),
                "tls.http is switched on and off by a restart only"
            ),
        ]
        for (next, words) in nexts {
            let keeper = try keeper(Self.plan(1), then: next)
            let count = lines.all.count
            keeper.reload()
            #expect(world.run { lines.all.count > count })
            #expect(lines.all.last?.contains(words) == true)
        }
        #expect(security.made.allSatisfy { $0.content == [1] })
    }

    @Test(
        "Certificates are told of when their end is near, or over, every day",
        arguments: [
            (100, nil), (29, "warning: the TLS certificate expires in 29 days"),
            (1, "warning: the TLS certificate expires in 24 h"),
            (-1, "error: the TLS certificate has expired"),
        ]
            as [(Int64, String?)])
    func expiry(_ days: Int64, _ words: String?) throws {
        security.notAfter = day(days)
        let keeper = try keeper(Self.plan(1), then: .success(nil))
        keeper.start()
        let told = lines.all.filter { $0.contains("the TLS certificate ") }
        #expect(told.count == (words == nil ? 0 : 1))
        if let words { #expect(told[0].hasPrefix(words)) }
        #expect(abs((keeper.gauges.first?.1 ?? 0) - Double(days * 86_400 + 10)) < 5)
        world.run(for: .seconds(86_400 + 100))
        #expect(
            lines.all.filter { $0.contains("the TLS certificate ") }.count == (words == nil ? 0 : 2)
        )
    }

    @Test("Who is refused again and again is told of once a minute, and counted each time")
    func refusals() throws {
        security.notAfter = day(100)
        let keeper = try keeper(Self.plan(1), then: .success(nil))
        for _ in 0..<5 { security.made[0].refuse(.expired) }
        security.made[1].refuse(.wrongName)
        #expect(lines.all.count == 2)
        let counters = Dictionary(uniqueKeysWithValues: keeper.counters)
        #expect(counters["nomad.agent.tls.http.refused.expired"] == 5)
        #expect(counters["nomad.agent.tls.rpc.refused.wrong_name"] == 1)
        #expect(counters["nomad.agent.tls.http.accepted"] == 0)
    }
}

// SAFETY: a simulated world and everything in it runs on the thread that turns it.
private final class Unchecked<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// Log lines, as "level: message: error".
private final class Lines: Sendable {
    private let kept = Mutex<[String]>([])

    var all: [String] { kept.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let error = event.metadata?["error"].map { ": \($0)" } ?? ""
            lines.kept.withLock { $0.append("\(event.level): \(event.message)\(error)") }
        }
    }
}

/// Secures nothing, and notes what it was asked.
// SAFETY: used on the test's thread only.
private final class FakeSecurity: StreamSecurity, @unchecked Sendable {
    var made: [FakeStreams] = []
    var refused: [UInt8] = []
    var notAfter: Int64 = 0

    func secure(
        _ streams: any Streams, on loop: any Loop, policy: SecurityPolicy,
        material: SecurityMaterial, notice: @escaping (SecurityNotice) -> Void
    ) throws(SecurityError) -> any SecuredStreams {
        if material.certificates == refused { throw SecurityError(.certificate, "no good") }
        let streams = FakeStreams(streams, material.certificates, notAfter, notice)
        made.append(streams)
        return streams
    }
}

private final class FakeStreams: SecuredStreams {
    private let inner: any Streams
    private(set) var content: [UInt8]
    private let notAfter: Int64
    private let notice: (SecurityNotice) -> Void
    private(set) var counts = SecurityCounts()
    var refused: [UInt8] = []

    init(
        _ inner: any Streams, _ content: [UInt8], _ notAfter: Int64,
        _ notice: @escaping (SecurityNotice) -> Void
    ) {
        self.inner = inner
        self.content = content
        self.notAfter = notAfter
        self.notice = notice
    }

    var facts: SecurityFacts {
        var certificate = CertificateFacts()
        certificate.notAfter = notAfter
        certificate.issuer = "CA"
        var authority = CertificateFacts()
        authority.subject = "CA"
        authority.notAfter = notAfter + 1_000 * 86_400
        return SecurityFacts(certificate: certificate, authorities: [authority])
    }

    func prepare(
        _ policy: SecurityPolicy, _ material: SecurityMaterial
    ) throws(SecurityError) -> SecurityReplacement {
        if material.certificates == refused { throw SecurityError(.certificate, "no good") }
        return SecurityReplacement(facts: facts) { self.content = material.certificates }
    }

    func refuse(_ reason: SecurityNotice.Reason) {
        counts.note(reason)
        notice(
            SecurityNotice(
                reason: reason, peer: .ipv4(0x0A00_0001, port: 1), isOutgoing: false, detail: "x"))
    }

    func listen(
        on address: SocketAddress, accept: @escaping (any ByteStream) -> Void
    ) throws(TransportError) -> any Listener { try inner.listen(on: address, accept: accept) }

    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) { inner.connect(to: address, timeout: timeout, completion: completion) }

    func resolve(
        host: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) { inner.resolve(host: host, port: port, completion: completion) }
}

private struct NoCertificates: Certificates {
    func makeAuthority(_ wish: AuthorityWish) throws(SecurityError) -> CertificateAndKey {
        throw SecurityError(nil, "none")
    }
    func makeCertificate(
        _ wish: CertificateWish, by authority: CertificateAndKey
    ) throws(SecurityError) -> CertificateAndKey { throw SecurityError(nil, "none") }
    func read(_ file: [UInt8]) throws(SecurityError) -> [CertificateFacts] {
        throw SecurityError(nil, "none")
    }
}
