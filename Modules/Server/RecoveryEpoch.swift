// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft

/// The life of a cluster that a server belongs to: 0 until its first recovery, then
///
/// | bits     | meaning                                                  |
/// |----------|----------------------------------------------------------|
/// | 63 to 32 | how many recoveries the log went through                 |
/// | 31 to 0  | CRC-32C of the configuration that the last one was given |
///
/// Servers that were given the same configuration out of the same life meet in the same epoch;
/// those given another one, or none, are strangers to them. It follows from the log, so that a
/// recovery that a crash cut short comes to the same.
enum RecoveryEpoch {
    /// - Parameter term: of the recovery's entry: each recovery adds one stride
    ///   (``MartletRaft/Term/recoveryStride``), and elections never add up to one.
    static func of(_ term: Term, _ configuration: Configuration) -> UInt64 {
        let ordered = Configuration(servers: configuration.servers.sorted { $0.id < $1.id })
        let recoveries = term.number / Term.recoveryStride
        return recoveries << 32 | UInt64(CRC32C.checksum(ordered.encoded()))
    }

    /// Whether `server`, which has no log, is to go over to the newer life that `other` is in.
    static func takesUp(_ server: MemberInfo, from other: MemberInfo) -> Bool {
        !server.hasLog && server.clusterID != nil && server.clusterID == other.clusterID
            && server.recoveryEpoch >> 32 < other.recoveryEpoch >> 32
    }

    /// As people are shown it: `2-8a91f03c`.
    static func text(_ epoch: UInt64) -> String {
        guard epoch > 0 else { return "0" }
        let mark = String(UInt32(truncatingIfNeeded: epoch), radix: 16)
        return "\(epoch >> 32)-" + String(repeating: "0", count: 8 - mark.utf8.count) + mark
    }
}
