// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletGossip
import MartletRaft
import Testing

@testable import MartletServer

@Suite("Who is there") struct MembersTests {
    private static func info(
        _ number: UInt64, incarnation: UInt64 = 1, revision: UInt64 = 0, name: String? = nil,
        cluster: UInt64? = nil
    ) -> MemberInfo {
        var info = MemberInfo(
            id: ServerID(high: 0, low: number), name: name ?? "s\(number)", region: "global",
            datacenter: "dc1", version: "0.1.0", peerAddress: "10.0.0.\(number):4647",
            gossipAddress: "10.0.0.\(number):4648", httpAddress: "10.0.0.\(number):4646",
            bootstrapExpect: 3, isNonVoter: false,
            clusterID: cluster.map { ServerID(high: 9, low: $0) }, recoveryEpoch: 0,
            hasLog: false, incarnation: incarnation)
        info.revision = revision
        return info
    }

    private static let other = ServerID(high: 0, low: 2)

    private static func has(_ members: Members) -> String? { members[other]?.info.name }

    @Test("Somebody known by word alone has no status; only gossip gives one")
    func statuses() {
        var members = Members()
        let isNews = members.learn(Self.info(2), at: .zero)
        #expect(isNews)
        #expect(members[Self.other]?.status == SerfStatus.none)
        let hasChanged = members.set(.alive, of: Self.other)
        #expect(hasChanged)
        let changesAgain = members.set(.alive, of: Self.other)
        #expect(!changesAgain)
        #expect(members[Self.other]?.status == .alive)
        let isSet = members.set(.failed, of: ServerID(high: 0, low: 3))
        #expect(!isSet, "nobody is made up")
    }

    @Test("A name that several have means the dead before the living, an id only its own")
    func meant() {
        func told(_ statuses: [SerfStatus], _ node: String = "s", prune: Bool = false) -> [Int] {
            let members = statuses.enumerated().map { place, status in
                Member(
                    info: Self.info(UInt64(place), name: "s"), status: status, lastContact: .zero)
            }
            let found = Server.meant(by: node, among: members, prune: prune)
            return found.map { Int($0.info.id.low) }
        }
        #expect(told([.left, .alive, .failed]) == [2])
        #expect(told([.left, .alive, .failed], "s.global") == [2])
        #expect(told([.alive, .left]) == [0])
        #expect(told([.alive, .left], prune: true) == [1])
        #expect(told([.left, .left]) == [0, 1])
        #expect(told([.failed, .leaving, .alive]) == [0, 1])
        #expect(told([.alive, .alive, .left]) == [0, 1])
        #expect(told([.alive, .failed], "\(ServerID(high: 0, low: 0))") == [0])
        #expect(told([.alive], "t") == [])
    }

    @Test("Of one life the latest word counts, by whatever way it came; another life is believed")
    func revisions() {
        var members = Members()
        _ = members.learn(Self.info(2, revision: 1, name: "one"), at: .zero)
        for (revision, name, isNews) in [
            (UInt64(0), "zero", false), (1, "other", false), (3, "three", true), (2, "two", false),
        ] {
            let was = members.learn(Self.info(2, revision: revision, name: name), at: .zero)
            #expect(was == isNews)
        }
        #expect(Self.has(members) == "three")
        // A clock that went back between two starts makes a smaller incarnation.
        let restarted = members.learn(Self.info(2, incarnation: 0, name: "again"), at: .zero)
        #expect(restarted)
        #expect(Self.has(members) == "again")
    }

    /// The bounds are those of the configuration's texts, and of a record of gossip.
    @Test("The longest that a configuration takes fits what gossip carries")
    func longest() {
        let address = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
        let text = String(repeating: "x", count: 128)
        var info = Self.info(1, name: text, cluster: 4)
        info.region = text
        info.datacenter = text
        info.redundancyZone = text
        info.upgradeVersion = String(repeating: "1", count: 64)
        info.peerAddress = address
        info.gossipAddress = address
        info.httpAddress = address
        info.boundProposer = info.clusterID
        #expect(info.payload.count <= 1_024)
        #expect(NodeRecord(info).isWellFormed)
    }

    @Test("Whether a server belongs to a cluster follows what it says last")
    func belonging() {
        var members = Members()
        let cluster = ServerID(high: 9, low: 4)
        _ = members.learn(Self.info(2), at: .zero)
        #expect(!members.belongs(Self.other, to: cluster, epoch: 0))
        _ = members.learn(Self.info(2, revision: 1, cluster: 4), at: .zero)
        #expect(members.belongs(Self.other, to: cluster, epoch: 0))
        #expect(!members.belongs(Self.other, to: cluster, epoch: 1))
        #expect(!members.belongs(Self.other, to: ServerID(high: 9, low: 5), epoch: 0))
    }

    @Test("Room is made by forgetting who is silent and not needed, longest silent first")
    func makesRoom() {
        var members = Members()
        for number in 1...UInt64(Members.countMax) {
            let start: Duration = .seconds(number == 9 ? 0 : 10)
            _ = members.learn(Self.info(number), at: start)
        }
        let own = ServerID(high: 0, low: 1)
        _ = members.set(.alive, of: own)
        let none = members.makeRoom(keeping: { _ in true })
        #expect(none == nil)
        let gone = members.makeRoom(keeping: { $0 == own })
        #expect(gone == ServerID(high: 0, low: 9))
        let fits = members.learn(Self.info(1000), at: .seconds(11))
        #expect(fits)
        let isTooMany = members.learn(Self.info(1001), at: .seconds(11))
        #expect(!isTooMany)
    }

    @Test("Members are kept and told in the order of their ids")
    func order() {
        var members = Members()
        for number in [5, 1, 9, 3] as [UInt64] { _ = members.learn(Self.info(number), at: .zero) }
        #expect(members.all.map(\.info.id.low) == [1, 3, 5, 9])
        members.forget(ServerID(high: 0, low: 3))
        #expect(members.all.map(\.info.id.low) == [1, 5, 9])
        #expect(members[ServerID(high: 0, low: 9)]?.info.name == "s9")
    }

    @Test("The list on the disk comes back as it was; damage is seen")
    func file() throws {
        let file = MembersFile(members: [Self.info(2), Self.info(3, cluster: 4)], hasLeft: true)
        #expect(try MembersFile(decoding: file.encoded) == file)
        for position in file.encoded.indices {
            var damaged = file.encoded
            damaged[position] ^= 0x10
            #expect(throws: (any Error).self) { try MembersFile(decoding: damaged) }
        }
        #expect(throws: (any Error).self) { try MembersFile(decoding: []) }
    }
}
