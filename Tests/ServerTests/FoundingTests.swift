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
