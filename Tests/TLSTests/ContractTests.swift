// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletContracts
import MartletSimulation
import MartletTLS
import MartletTransport
import MartletUV
import Testing

@Suite("Secured streams keep the contract of streams") struct ContractTests {
    @Test("On a simulated network", arguments: TransportContract.checks)
    func simulated(_ check: TransportContract.Check) throws {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("only")
        let streams = try secured(host.streams, on: host.loop, Self.policy)
        try check.run(
            in: TransportContract.World(
                loop: host.loop, streams: streams, datagrams: host.datagrams,
                listening: host.address(port: 0), silent: .ipv4(0x0A00_FFFF, port: 1),
                turnUntil: { world.run(until: $0) }))
    }

    @Test("On real sockets", arguments: TransportContract.checks)
    func real(_ check: TransportContract.Check) throws {
        let test = RealLoop()
        let streams = try secured(UVStreams(loop: test.loop), on: test.loop, Self.policy)
        try check.run(in: test.world(streams))
    }

    @Test("On real sockets, with TLS 1.2", arguments: TransportContract.checks)
    func old(_ check: TransportContract.Check) throws {
        var policy = Self.policy
        policy.versionMax = .tls12
        let test = RealLoop()
        let streams = try secured(UVStreams(loop: test.loop), on: test.loop, policy)
        try check.run(in: test.world(streams))
    }

    private static let policy: SecurityPolicy = {
        var policy = SecurityPolicy()
        policy.peerName = "server.global.nomad"
        return policy
    }()

    private func secured(
        _ streams: any Streams, on loop: any Loop, _ policy: SecurityPolicy
    ) throws -> any SecuredStreams {
        let issuer = try Issuer(at: loop.wallClockNanoseconds / 1_000_000_000)
        return try OpenSSLSecurity().secure(
            streams, on: loop, policy: policy, material: issuer.server()
        ) { notice in
            // Checks end connections as they please; a certificate is never wrong here.
            #expect([.brokenOff, .timedOut].contains(notice.reason), "\(notice)")
        }
    }
}

/// A loop that the test's own thread turns, and that ends with the test.
private final class RealLoop {
    let loop = UVLoop()

    deinit { loop.shutDown() }

    func world(_ streams: any Streams) -> TransportContract.World {
        .init(
            loop: loop, streams: streams, datagrams: UVDatagrams(loop: loop),
            listening: .ipv4(0x7F00_0001, port: 0), silent: nil,
            turnUntil: { [self] condition in
                let limit = loop.now + .seconds(20)
                while !condition() {
                    if loop.now > limit { return false }
                    loop.turn(waitingAtMost: .milliseconds(20))
                }
                return true
            })
    }
}
