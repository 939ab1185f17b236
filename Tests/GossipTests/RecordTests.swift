// SPDX-License-Identifier: Apache-2.0
import MartletGossip
import Testing

@Suite("Records") struct RecordTests {
    @Test(
        "An address is printable ASCII of 1 to 64 bytes",
        arguments: [
            ("10.0.0.1:4648", true), ("[fe80::1%eth0]:4648", true), ("", false), ("a b:1", false),
            ("\u{E9}:1", false), (String(repeating: "1", count: 64), true),
            (String(repeating: "1", count: 65), false),
        ])
    func address(text: String, isFine: Bool) {
        let record = NodeRecord(
            id: NodeID(high: 0, low: 1), address: text, incarnation: 1, payload: [])
        #expect(record.isWellFormed == isFine)
    }

    @Test("Ids are ordered as they are written")
    func order() {
        #expect(NodeID(high: 1, low: 9) < NodeID(high: 2, low: 0))
        #expect(NodeID(high: 1, low: 0) < NodeID(high: 1, low: 1))
    }
}
