// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletGossip
import MartletHTTP
import MartletHarness
import MartletRaft
import MartletSimulation
import Testing

@testable import MartletServer

private func info(
    _ number: UInt64, cluster: UInt64? = 7, epoch: UInt64 = 0, hasLog: Bool = true,
    region: String = "global"
) -> MemberInfo {
    MemberInfo(
        id: ServerID(high: 0, low: number), name: "s\(number)", region: region,
        datacenter: "dc1", version: "0.1.0", peerAddress: "10.0.0.\(number):4647",
        gossipAddress: "10.0.0.\(number):4648", httpAddress: "10.0.0.\(number):4646",
        bootstrapExpect: 3, isNonVoter: false,
        clusterID: cluster.map { ServerID(high: 9, low: $0) }, recoveryEpoch: epoch,
        hasLog: hasLog, incarnation: 1)
}

@Suite("Who belongs to a pool") struct AdmissionTests {
    private static let life: UInt64 = 1 << 32

    @Test(
        "Another region, cluster or life is a stranger, and is told which",
        arguments: [
            (info(2, region: "eu"), "region"), (info(2, cluster: 8), "cluster"),
            (info(2, epoch: life), "recovered"), (info(1), "itself"),
        ])
    func strangers(peer: MemberInfo, word: String) {
        #expect(Admission.refusal(of: peer, by: info(1))?.contains(word) == true)
    }

    @Test("Who has no cluster yet belongs everywhere, and so does who goes over to a newer life")
    func welcome() {
        for (own, peer) in [
            (info(1), info(2)), (info(1), info(2, cluster: nil)), (info(1, cluster: nil), info(2)),
            (info(1, epoch: Self.life), info(2, hasLog: false)),
            (info(1, hasLog: false), info(2, epoch: Self.life)),
        ] {
            #expect(Admission.refusal(of: peer, by: own) == nil)
        }
    }

    @Test("It is the same seen from both sides")
    func symmetric() {
        let all = [
            info(1), info(2, cluster: nil), info(3, cluster: 8), info(4, epoch: Self.life),
            info(5, epoch: 2 * Self.life), info(6, hasLog: false), info(7, region: "eu"),
        ]
        for one in all {
            for other in all where one.id != other.id {
                let isRefused = Admission.refusal(of: other, by: one) != nil
                #expect(isRefused == (Admission.refusal(of: one, by: other) != nil))
            }
        }
    }

    @Test("What gossip carries of a server comes back; another's record under its id is none")
    func records() {
        var mine = info(1)
        mine.redundancyZone = "z1"
        mine.upgradeVersion = "1.2.3"
        mine.isStopping = true
        let record = NodeRecord(mine)
        #expect(record.isWellFormed)
        #expect(MemberInfo(record) == mine)
        for (id, address) in [(NodeID(high: 0, low: 2), record.address), (record.id, "other:1")] {
            let forged = NodeRecord(
                id: id, address: address, incarnation: 1, payload: record.payload)
            #expect(MemberInfo(forged) == nil)
        }
        for length in 0..<record.payload.count {
            let cut = NodeRecord(
                id: record.id, address: record.address, incarnation: 1,
                payload: Array(record.payload.prefix(length)))
            #expect(MemberInfo(cut) == nil)
        }
    }
}

@Suite("What seals gossip") struct GossipSealTests {
    private static func seal(_ byte: UInt8?) throws -> GossipSeal {
        let key = try byte.map { try GossipKey(bytes: [UInt8](repeating: $0, count: 32)) }
        return GossipSeal(
            keyring: try key.map { try Keyring([$0]) },
            crypto: SimulatedWorld(seed: 1).makeHost("one").crypto)
    }

    @Test("Two servers of one pool understand each other, sealed or not", arguments: [nil, 7])
    func understand(byte: UInt8?) throws {
        let (one, other) = (try Self.seal(byte), try Self.seal(byte))
        let bytes = try one.close([1, 2, 3], for: .packet)
        #expect(try other.open(bytes, for: .packet) == [1, 2, 3])
        #expect(bytes.count <= 3 + GossipSeal.overheadBytes)
    }

    @Test("Others are told apart, and the reason names the setting")
    func apart() throws {
        let (plain, one, other) = (try Self.seal(nil), try Self.seal(1), try Self.seal(2))
        for (sender, receiver) in [(plain, one), (one, plain), (other, one)] {
            let bytes = try sender.close([1, 2, 3], for: .packet)
            do throws(GossipSeal.Failure) {
                _ = try receiver.open(bytes, for: .packet)
                Issue.record("opened")
            } catch {
                #expect(error.description.contains("encrypt"))
            }
        }
        #expect(throws: GossipSeal.Failure.self) { try one.open([], for: .packet) }
        #expect(throws: GossipSeal.Failure.self) { try plain.open([], for: .packet) }
        let question = try one.close([1], for: .question)
        #expect(throws: GossipSeal.Failure.self) { try one.open(question, for: .answer) }
    }
}

@Suite("What a dry run assumes") struct DryRunRequestTests {
    @Test("Only what is named differs from the configuration in force")
    func overlay() throws {
        var present = AutopilotConfiguration()
        present.maxTrailingLogs = 77
        present.cleanupDeadServers = false
        let request = try DryRunRequest(Query("MinQuorum=3&ServerStabilizationTime=1m&leaving=s2"))
        let proposed = try #require(try request.configuration(from: present))
        #expect(request.leaving == ["s2"])
        #expect(proposed.minQuorum == 3)
        #expect(proposed.serverStabilizationTime == .seconds(60))
        #expect(proposed.maxTrailingLogs == 77)
        #expect(!proposed.cleanupDeadServers)
        #expect(try DryRunRequest(Query("failed=a")).configuration(from: present) == nil)
    }

    @Test(
        "A value that could not be set is refused with its name",
        arguments: [
            "MinQuorum=-1", "MinQuorum=x", "CleanupDeadServers=maybe", "CleanupDeadServers=1",
            "LastContactThreshold=0", "LastContactThreshold=5", "ServerStabilizationTime=-1s",
        ])
    func refused(text: String) throws {
        let name = text.prefix { $0 != "=" }
        do throws(APIError) {
            _ = try DryRunRequest(Query(text))
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.status == 400)
            #expect(error.message.contains(name))
        }
    }

    @Test("Servers without end are refused")
    func bounded() {
        let text = (0..<100).map { "leaving=s\($0)" }.joined(separator: "&")
        #expect(throws: APIError.self) { try DryRunRequest(Query(text)) }
    }
}
