// SPDX-License-Identifier: Apache-2.0

/// A message of any origin, read and written again: what fuzzers call. Nothing that a server does
/// goes through here.
package enum GossipReencoding {
    /// - Throws: what a server would count the message under.
    package static func message(
        _ bytes: [UInt8], isStream: Bool
    ) throws(GossipRefusal) -> [UInt8] {
        MessageCodec.encode(try MessageCodec.decode(bytes, isStream: isStream))
    }
}
