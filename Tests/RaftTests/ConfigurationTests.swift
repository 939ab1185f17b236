// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

/// The joint configuration that a leader with the first one makes on its way to the second.
func joint(_ old: Configuration, _ new: Configuration) throws -> Configuration {
    let former = Set(old.servers.map(\.id))
    let spares = new.servers.map(\.id).filter { !former.contains($0) }
    var before = old
    before.servers += spares.map { .init(id: $0, address: "a", role: .nonVoter) }
    var leader = Subject.leader(before)
    leader.step(
        .changeProposed(
            ConfigurationChange(
                id: 1, action: .replace(new.servers), ifConfigurationIndex: nil)))
    let configuration = leader.core.configuration
    try #require(configuration.isJoint)
    return configuration
}

@Suite("Configuration") struct ConfigurationTests {
    @Test("An id is written as a UUID in lower case, and read back")
    func ids() {
        let texts = [
            "01234567-89ab-cdef-fedc-ba9876543210", "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff", "9a9a9a9a-0f0f-f0f0-a09b-90c0d0e0f0a1",
        ]
        for text in texts { #expect(ServerID(text).map { "\($0)" } == text) }
        let id = ServerID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        #expect("\(id)" == texts[0])
    }

    @Test("A configuration that is not joint is encoded as every version reads it")
    func plain() {
        let plain = voters(A, B, nonVoters: [C])
        #expect(plain.encoded().first == 1)
        #expect(Configuration(encoded: plain.encoded()) == plain)
    }

    @Test("A joint configuration is read back as it was written")
    func roundTrip() throws {
        // A stays, B loses its vote, C goes, D comes, E comes without a vote.
        let joint = try joint(voters(A, B, C), voters(A, D, nonVoters: [B, E]))
        let bytes = joint.encoded()

        #expect(bytes.first == 2)
        #expect(Configuration(encoded: bytes) == joint)
        #expect(joint.servers.map(\.id) == [A, D, B, E])
        #expect(joint.outgoing.map(\.id) == [A, B, C])
        #expect(joint.members.map(\.id) == [A, D, B, E, C])
        #expect(joint.members.map(\.role) == [.voter, .voter, .voter, .nonVoter, .voter])
        #expect(joint.voterCount == 4 && joint.quorum == 2)
    }

    @Test("Bytes that are not exactly one configuration are refused, never a trap")
    func hostile() throws {
        let bytes = try joint(voters(A, B, C), voters(A, D, nonVoters: [B, E])).encoded()
        for count in 0..<bytes.count {
            #expect(Configuration(encoded: Array(bytes[..<count])) == nil)
        }
        #expect(Configuration(encoded: bytes + [0]) == nil)
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            var mutated = bytes
            for _ in 0...generator.below(3) {
                mutated[generator.below(mutated.count)] = UInt8(generator.below(256))
            }
            guard let read = Configuration(encoded: mutated) else { continue }
            #expect(Configuration(encoded: read.encoded()) == read)
            #expect(read.quorum > 0)
        }
    }

    @Test(
        "Roles that no server has are refused",
        arguments: [
            (format: 1, role: 2), (1, 4), (1, 5), (2, 2), (2, 3), (2, 7), (2, 8), (3, 0), (0, 0),
        ])
    func roles(format: UInt8, role: UInt8) {
        var bytes = voters(A, B).encoded()
        bytes[0] = format
        bytes[2 + 16] = role
        if format == 2 { bytes[2 + 19 + 16] = 4 }  // Another one, so that it is joint.
        #expect(Configuration(encoded: bytes) == nil)
    }

    @Test("Format 2 without a voter on each side is no configuration", arguments: [0, 6])
    func falselyJoint(role: UInt8) {
        var bytes = voters(A, B).encoded()
        bytes[0] = 2
        for position in 0..<2 { bytes[2 + 19 * position + 16] = role }
        #expect(Configuration(encoded: bytes) == nil)
        bytes[2 + 16] = 4
        #expect(Configuration(encoded: bytes)?.isJoint == true)
    }

    @Test(
        "While joint, a majority is one of each side",
        arguments: [
            ([A, B], false), ([A, D], false), ([B, C, D, E], true), ([A, B, D], true),
            ([B, C], false), ([D, E], false), ([], false),
        ])
    func majority(of those: [ServerID], isMajority: Bool) throws {
        let joint = try joint(voters(A, B, C), voters(A, D, E))
        #expect(joint.hasMajority { those.contains($0) } == isMajority)
    }
}
