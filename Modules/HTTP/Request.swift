// SPDX-License-Identifier: Apache-2.0

/// A complete request.
package struct Request: Sendable {
    package var head: RequestHead
    /// Without chunk framing.
    package var body: [UInt8]

    package init(head: RequestHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}
