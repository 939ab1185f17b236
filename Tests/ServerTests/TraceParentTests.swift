// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletServer

@Suite("Trace contexts from outside") struct TraceParentTests {
    @Test(
        "A traceparent from outside is gone on with only if it is one",
        arguments: [
            ("00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01", true),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-00000000000000000000000000000000-00000000000000aa-01", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-00000000000000aa-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-00000000000000aa", false),
            ("", false), ("-", false), (String(repeating: "0", count: 55), false),
        ])
    func carriers(text: String, isTaken: Bool) {
        #expect(TraceParent.checked(text) == (isTaken ? text : nil))
    }
}
