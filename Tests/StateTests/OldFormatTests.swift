// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

/// Bytes as programs of command versions 1 and 2 wrote them. They lie on disks: they are read for as
/// long as those versions are.
@Suite("States of older programs") struct OldFormatTests {
    static let snapshots: [(version: UInt8, digits: String)] = [
        (
            1,
            "0106000000000000000103000000000000000300000000000000000100000000000000ffffffffff"
                + "ffffff0300000000000000ffffffffffffff7f010101010400000000000000040000000000000001"
                + "000001000100010900000000000000060000000000000002000000240030303030303030302d3030"
                + "30302d343030302d383030302d3030303030303030303030310200c3a90600676c6f62616c030064"
                + "63310d0031302e302e302e313a343634370d0031302e302e302e313a343634360d0031302e302e30"
                + "2e313a343634380500312e302e3001240030303030303030302d303030302d343030302d38303030"
                + "2d303030303030303030303032020073310600676c6f62616c03006463310d0031302e302e302e31"
                + "3a343634370d0031302e302e302e313a343634360d0031302e302e302e313a343634380500312e30"
                + "2e3000"
        ),
        (
            2,
            "0208000000000000000103000000000000000300000000000000000100000000000000ffffffffff"
                + "ffffff0300000000000000ffffffffffffff7f010101010400000000000000040000000000000001"
                + "000001000100010900000000000000060000000000000002000000240030303030303030302d3030"
                + "30302d343030302d383030302d3030303030303030303030310200c3a90600676c6f62616c030064"
                + "63310d0031302e302e302e313a343634370d0031302e302e302e313a343634360d0031302e302e30"
                + "2e313a343634380500312e302e3001240030303030303030302d303030302d343030302d38303030"
                + "2d303030303030303030303032020073310600676c6f62616c03006463310d0031302e302e302e31"
                + "3a343634370d0031302e302e302e313a343634360d0031302e302e302e313a343634380500312e30"
                + "2e300000000000000000000107000000000000000300000000000000070000000100000003000000"
                + "010203"
        ),
    ]

    @Test("Are read, and written again as they were", arguments: snapshots)
    func reading(version: UInt8, digits: String) throws {
        let values = digits.compactMap { $0.hexDigitValue.map(UInt8.init) }
        let bytes = stride(from: 0, to: values.count, by: 2).map {
            values[$0] << 4 | values[$0 + 1]
        }

        let state = try State(decoding: bytes)

        #expect(bytes[0] == version && state.encoded() == bytes)
        #expect(state.autopilot?.minQuorum == 3 && state.autopilot?.modifyIndex == 3)
        #expect(state.scheduler?.nodeLimitForFeasibilityChecks == 9)
        let known = [try server(1, name: "é", isNonVoter: true), try server(2)]
        #expect(state.servers == known && state.servers.allSatisfy { !$0.hasLabels })
        #expect(state.lastAppliedIndex == (version == 1 ? 6 : 8))
        #expect(state.restoreIndex == (version == 1 ? nil : 7))
        #expect(state.history.isEmpty && state.index(of: .history) == 0)
        #expect(state.upgradeBaseline == nil && state.upgradeBaselineIndex == 0)
    }

    @Test("A server without labels, and a write without an author, is a command of version 1")
    func commands() throws {
        let plain = try server(1)
        #expect(Command.putServer(plain).encoded()[0] == 1)
        #expect(Command.setScheduler(unusualScheduler, cas: nil).encoded()[0] == 1)
        let labelled = try server(1, zone: "a", upgradeVersion: "1.2.3")
        #expect(Command.putServer(labelled).encoded()[0] == 3)
        #expect(labelled.withoutLabels() == plain)
    }
}
