// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

private let autopilot = "/v1/operator/autopilot/configuration"

/// Whole servers that talk over TLS, byte for byte, on a simulated network.
@Suite("Servers that talk over TLS in a simulated world") struct SecuredClusterTests {
    @Test("They found a cluster, and go on through kills, partitions and resets", arguments: 1...4)
    func faults(seed: UInt64) throws {
        let stage = try SecuredStage(seed: seed)
        let cluster = stage.cluster
        cluster.peerStreams = { stage.secured($0, .refused) }
        cluster.startAll()
        var leader = try #require(cluster.settle())
        var number = 300
        func write(to node: SimulatedCluster.Node) {
            number += 1
            #expect(stage.write(number, to: node))
            for other in cluster.nodes where other.door != nil {
                #expect(stage.read(other) == number)
            }
        }
        for node in cluster.nodes { write(to: node) }

        cluster.kill(leader)
        write(to: try #require(cluster.settle()))
        cluster.start(leader)
        leader = try #require(cluster.settle())
        write(to: leader)

        let others = cluster.nodes.filter { $0 !== leader }
        for node in others { cluster.world.network.partition(leader.host, node.host) }
        cluster.world.run(for: .seconds(3))
        #expect(stage.write(number + 1, to: others[0]))
        number += 1
        cluster.world.network.heal()
        _ = try #require(cluster.settle())
        cluster.world.network.resetConnections(between: others[0].host, and: others[1].host)
        write(to: try #require(cluster.settle()))
        #expect(stage.plaintext == 0)
        #expect(stage.connected > 3)
    }

    @Test("Who has another authority's certificate stays outside, and harms nobody")
    func stranger() throws {
        let stage = try SecuredStage(seed: 3, spares: 1)
        let cluster = stage.cluster
        let other = try SecuredStage(seed: 3)
        let stranger = cluster.nodes[3]
        cluster.peerStreams = { node in
            (node === stranger ? other : stage).secured(node, .refused)
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.start(stranger)
        cluster.world.run(for: .seconds(20))
        #expect(cluster.overview(of: leader)?.configuration.members.count == 3)
        #expect(stage.write(301, to: leader))
        // Both sides know why. The only one that it could talk to is itself.
        #expect(stage.refused > 0 && other.refused > 0)
        #expect(other.connected == other.accepted)
    }

    @Test(
        "A cluster without TLS gets it, server by server, without losing a write", arguments: 1...3)
    func switchOver(seed: UInt64) throws {
        let stage = try SecuredStage(seed: seed)
        let cluster = stage.cluster
        cluster.startAll()
        _ = try #require(cluster.settle())
        var number = 300
        func write() throws {
            for node in cluster.nodes {
                number += 1
                #expect(stage.write(number, to: node))
                #expect(stage.read(cluster.nodes[number % 3]) == number)
            }
        }
        try write()
        // First: each takes both.
        cluster.peerStreams = { stage.secured($0, .taken) }
        for node in cluster.nodes {
            cluster.stop(node, isLeaving: false)
            cluster.start(node)
            _ = try #require(cluster.settle())
            try write()
        }
        #expect(stage.plaintext > 0)
        // Then: nothing but TLS, while they run.
        for node in cluster.nodes {
            try stage.replacePolicy(of: node, by: .refused)
            try write()
        }
        let before = stage.plaintext
        cluster.peerStreams = { stage.secured($0, .refused) }
        cluster.kill(cluster.nodes[1])
        cluster.start(cluster.nodes[1])
        _ = try #require(cluster.settle())
        try write()
        #expect(stage.plaintext == before)
    }
}

/// A cluster, and what secures its servers.
private final class SecuredStage {
    let cluster: SimulatedCluster
    private let material: SecurityMaterial
    private var streams: [String: any SecuredStreams] = [:]
    /// Of lives that are over.
    private var past: [SecurityCounts] = []

    init(seed: UInt64, spares: Int = 0) throws {
        cluster = SimulatedCluster(seed: seed, count: 3, spares: spares)
        let now = cluster.nodes[0].host.loop.wallClockNanoseconds / 1_000_000_000
        let certificates = OpenSSLCertificates()
        let authority = try certificates.makeAuthority(
            AuthorityWish(commonName: "CA", notBefore: now - 1_000, notAfter: now + 1_000_000))
        let own = try certificates.makeCertificate(
            CertificateWish(
                commonName: "server.global.nomad", dnsNames: ["server.global.nomad"],
                isForServers: true, isForClients: true, notBefore: now - 1_000,
                notAfter: now + 1_000_000), by: authority)
        material = SecurityMaterial(
            certificates: own.certificate, key: own.key, authorities: authority.certificate)
    }

    private func policy(_ plaintext: SecurityPolicy.Plaintext) -> SecurityPolicy {
        var policy = SecurityPolicy()
        policy.peerName = "server.global.nomad"
        policy.plaintext = plaintext
        return policy
    }

    func secured(
        _ node: SimulatedCluster.Node, _ plaintext: SecurityPolicy.Plaintext
    ) -> any Streams {
        if let old = streams[node.name] { past.append(old.counts) }
        do {
            let made = try OpenSSLSecurity().secure(
                node.host.streams, on: node.host.loop, policy: policy(plaintext),
                material: material
            ) { _ in }
            streams[node.name] = made
            return made
        } catch {
            preconditionFailure("material of this test: \(error)")
        }
    }

    func replacePolicy(
        of node: SimulatedCluster.Node, by plaintext: SecurityPolicy.Plaintext
    ) throws {
        try streams[node.name]?.prepare(policy(plaintext), material).commit()
    }

    private var counts: [SecurityCounts] { past + streams.values.map(\.counts) }
    var plaintext: UInt64 { counts.reduce(0) { $0 + $1.plaintext } }
    var accepted: UInt64 { counts.reduce(0) { $0 + $1.accepted } }
    var connected: UInt64 { counts.reduce(0) { $0 + $1.connected } }
    var refused: UInt64 {
        counts.reduce(0) { $0 + $1[.otherAuthority] + $1[.refusedByPeer] }
    }

    func write(_ number: Int, to node: SimulatedCluster.Node) -> Bool {
        let answer = cluster.ask(node, .put, autopilot, body: "{\"MaxTrailingLogs\":\(number)}")
        guard case .success(let response) = answer else { return false }
        return response.status == 200
    }

    func read(_ node: SimulatedCluster.Node) -> Int? {
        guard case .success(let response) = cluster.ask(node, .get, autopilot) else { return nil }
        let text = String(decoding: response.body, as: UTF8.self)
        guard let range = text.firstRange(of: "\"MaxTrailingLogs\":") else { return nil }
        return Int(text[range.upperBound...].prefix { $0.isNumber })
    }
}
