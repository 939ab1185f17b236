// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletStorage
import Testing

@testable import MartletServer

@Suite("Founding a cluster") struct FoundingTests {
    private static func info(
        _ number: UInt64, expect: Int = 3, cluster: UInt64? = nil, hasLog: Bool = false,
        isNonVoter: Bool = false
    ) -> MemberInfo {
        MemberInfo(
            id: ServerID(high: 0, low: number), name: "s\(number)", region: "global",
            datacenter: "dc1", version: "0.1.0", peerAddress: "10.0.0.\(number):4647",
            gossipAddress: "10.0.0.\(number):4648", httpAddress: "10.0.0.\(number):4646",
            bootstrapExpect: expect, isNonVoter: isNonVoter,
            clusterID: cluster.map { ServerID(high: 9, low: $0) }, recoveryEpoch: 0,
            hasLog: hasLog, incarnation: 1)
    }

    private static func members(_ infos: [MemberInfo]) -> [Member] {
        infos.map { Member(info: $0, status: .alive, lastContact: .zero) }
    }

    private static let fresh = ServerID(high: 5, low: 5)

    private static func decide(
        _ own: MemberInfo, _ others: [MemberInfo], accepted: ServerMetadata.Founding? = nil
    ) -> Founding.Decision {
        Founding.decide(
            own: own, members: members([own] + others), accepted: accepted, newClusterID: fresh)
    }

    private static func proposal(by number: UInt64, of servers: [UInt64]) -> ServerMetadata.Founding
    {
        ServerMetadata.Founding(
            proposer: ServerID(high: 0, low: number), clusterID: ServerID(high: 9, low: number),
            configuration: Configuration(
                servers: servers.map {
                    .init(id: ServerID(high: 0, low: $0), address: "a", role: .voter)
                }))
    }

    @Test("Too few servers found nothing")
    func tooFew() {
        #expect(Self.decide(Self.info(1), [Self.info(2)]) == .wait)
    }

    @Test("The lowest id proposes all servers that are there; the others wait")
    func lowestProposes() throws {
        let all = [Self.info(1), Self.info(2), Self.info(3)]
        guard case .propose(let founding) = Self.decide(all[0], [all[1], all[2]]) else {
            Issue.record("the lowest must propose")
            return
        }
        #expect(founding.clusterID == Self.fresh)
        #expect(founding.configuration.servers.map(\.id.low) == [1, 2, 3])
        #expect(founding.configuration.voterCount == 3)
        #expect(Self.decide(all[1], [all[0], all[2]]) == .wait)
    }

    @Test("Read replicas do not count towards the expected number, and do not vote")
    func replicas() {
        let replica = Self.info(1, isNonVoter: true)
        #expect(Self.decide(Self.info(2), [replica, Self.info(3)]) == .wait)
        guard
            case .propose(let founding) = Self.decide(
                Self.info(2), [replica, Self.info(3), Self.info(4)])
        else {
            Issue.record("three voters are there")
            return
        }
        #expect(founding.configuration.voterCount == 3)
        #expect(founding.configuration[ServerID(high: 0, low: 1)]?.role == .nonVoter)
    }

    @Test("Nobody founds beside a cluster that exists, and servers with a log take no part")
    func existing() {
        #expect(
            Self.decide(Self.info(1), [Self.info(2), Self.info(3), Self.info(4, cluster: 1)])
                == .wait)
        #expect(Self.decide(Self.info(1), [Self.info(2), Self.info(3, hasLog: true)]) == .wait)
        #expect(Self.decide(Self.info(1), [Self.info(2), Self.info(3, expect: 5)]) == .wait)
        #expect(Self.decide(Self.info(1, expect: 0), [Self.info(2), Self.info(3)]) == .wait)
    }

    @Test("A proposer that was interrupted proposes the same again")
    func resumes() {
        let mine = Self.proposal(by: 1, of: [1, 2, 3])
        #expect(Self.decide(Self.info(1), [], accepted: mine) == .propose(mine))
        #expect(Self.decide(Self.info(2), [], accepted: mine) == .wait)
    }

    @Test("A server accepts one founding; only its own proposer gives it up, for a lower id")
    func acceptsOne() {
        let low = Self.proposal(by: 1, of: [1, 2, 3])
        let high = Self.proposal(by: 2, of: [2, 3, 4])
        #expect(Founding.accepts(low, own: Self.info(3), accepted: nil))
        #expect(Founding.accepts(low, own: Self.info(3), accepted: low))
        #expect(!Founding.accepts(low, own: Self.info(3), accepted: high))
        #expect(!Founding.accepts(high, own: Self.info(3), accepted: low))
        #expect(Founding.accepts(low, own: Self.info(2), accepted: high))
        #expect(!Founding.accepts(low, own: Self.info(4), accepted: nil))
        #expect(!Founding.accepts(low, own: Self.info(3, cluster: 8), accepted: nil))
        #expect(!Founding.accepts(low, own: Self.info(3, hasLog: true), accepted: nil))
    }
}
<<<<<<< HEAD
=======

@Suite("Who is there") struct MembersTests {
    private static func info(_ number: UInt64, incarnation: UInt64 = 1) -> MemberInfo {
        MemberInfo(
            id: ServerID(high: 0, low: number), name: "s\(number)", region: "global",
            datacenter: "dc1", version: "0.1.0", peerAddress: "10.0.0.\(number):4647",
            gossipAddress: "10.0.0.\(number):4648", httpAddress: "10.0.0.\(number):4646",
            bootstrapExpect: 3, isNonVoter: false, clusterID: nil, recoveryEpoch: 0,
            hasLog: false, incarnation: incarnation)
    }

    private static let own = ServerID(high: 0, low: 1)
    private static let other = ServerID(high: 0, low: 2)

    @Test("Hearsay makes nobody alive; an answer does; four seconds of silence make it failed")
    func statuses() {
        var members = Members()
        let outcome1 = members.learn(Self.info(2), isDirect: true, at: .zero)
        #expect(outcome1)
        #expect(members[Self.other]?.status == SerfStatus.none)
        let outcome2 = members.contacted(Self.other, at: .seconds(1))
        #expect(outcome2)
        #expect(members[Self.other]?.status == .alive)
        let outcome3 = members.tick(at: .milliseconds(4_999), except: Self.own)
        #expect(outcome3.isEmpty)
        let outcome4 = members.tick(at: .seconds(5), except: Self.own)
        #expect(outcome4 == [Self.other])
        #expect(members[Self.other]?.status == .failed)
        let outcome5 = members.contacted(Self.other, at: .seconds(6))
        #expect(outcome5)
        #expect(members[Self.other]?.status == .alive)
    }

    @Test("A farewell and the end of the connection make left; an end alone does not")
    func leaves() {
        var members = Members()
        _ = members.learn(Self.info(2), isDirect: true, at: .zero)
        _ = members.contacted(Self.other, at: .zero)
        members.disconnected(Self.other)
        #expect(members[Self.other]?.status == .alive)
        members.leaving(Self.other)
        #expect(members[Self.other]?.status == .leaving)
        let outcome6 = members.contacted(Self.other, at: .seconds(1))
        #expect(!outcome6)
        members.disconnected(Self.other)
        #expect(members[Self.other]?.status == .left)
    }

    @Test("A new life of a server that left is taken up; rumours of the old one are not")
    func newLife() {
        var members = Members()
        _ = members.learn(Self.info(2, incarnation: 5), isDirect: true, at: .zero)
        members.leaving(Self.other)
        members.disconnected(Self.other)
        let outcome7 = members.learn(Self.info(2, incarnation: 4), isDirect: false, at: .seconds(1))
        #expect(!outcome7)
        #expect(members[Self.other]?.status == .left)
        let outcome8 = members.learn(Self.info(2, incarnation: 6), isDirect: false, at: .seconds(2))
        #expect(outcome8)
        _ = members.contacted(Self.other, at: .seconds(2))
        #expect(members[Self.other]?.status == .alive)
    }

    @Test("A server is believed about itself; rumours count only of servers that do not answer")
    func rumours() {
        var members = Members()
        _ = members.learn(Self.info(2, incarnation: 9), isDirect: true, at: .zero)
        _ = members.contacted(Self.other, at: .zero)
        let poisoned = members.learn(Self.info(2, incarnation: .max), isDirect: false, at: .zero)
        #expect(!poisoned)
        let older = members.learn(Self.info(2, incarnation: 3), isDirect: true, at: .seconds(1))
        #expect(older)
        #expect(members[Self.other]?.info.incarnation == 3)
    }

    @Test("A server that took up a recovered life stays in it, whatever it said before")
    func recoveredLife() {
        let cluster = ServerID(high: 9, low: 1)
        var members = Members()
        var late = Self.info(2)
        late.clusterID = cluster
        var recovered = late
        recovered.recoveryEpoch = 1 << 32
        _ = members.learn(recovered, isDirect: true, at: .zero)
        _ = members.learn(late, isDirect: true, at: .zero)
        #expect(members.belongs(Self.other, to: cluster, epoch: 1 << 32))
    }

    @Test("Room is made by forgetting who is silent and not needed, longest silent first")
    func makesRoom() {
        var members = Members()
        for number in 1...UInt64(Members.countMax) {
            _ = members.learn(
                Self.info(number), isDirect: true, at: .seconds(Int64(number == 9 ? 0 : 10)))
        }
        _ = members.contacted(Self.own, at: .seconds(10))
        let none = members.makeRoom(keeping: { _ in true })
        #expect(none == nil)
        let gone = members.makeRoom(keeping: { $0 == Self.own })
        #expect(gone == ServerID(high: 0, low: 9))
        let fits = members.learn(Self.info(1000), isDirect: false, at: .seconds(11))
        #expect(fits)
    }

    @Test("The number of members is bounded")
    func bounded() {
        var members = Members()
        for number in 1...100 as ClosedRange<UInt64> {
            _ = members.learn(Self.info(number), isDirect: true, at: .zero)
        }
        #expect(members.all.count == Members.countMax)
        #expect(members.all.map(\.info.id) == members.all.map(\.info.id).sorted())
    }
}
>>>>>>> hist
