// SPDX-License-Identifier: Apache-2.0

/// Stale reads are answered from one server's state: it holds only what was written, and within a
/// life of that server it goes forward.
package enum StaleReads {
    /// A read of one server's own state.
    package struct Read: Sendable {
        /// Which life of which server: reads of two of them are not compared.
        package let server: String
        package let value: UInt64
        package let version: UInt64
        /// As in ``Operation``.
        package let beganAt: UInt64
        package var endedAt: UInt64

        package init(
            server: String, value: UInt64, version: UInt64, beganAt: UInt64, endedAt: UInt64 = 0
        ) {
            self.server = server
            self.value = value
            self.version = version
            self.beganAt = beganAt
            self.endedAt = endedAt
        }
    }

    /// - Parameter reads: in the order of their endings.
    package static func violation(
        in reads: [Read], after history: [Operation], of register: String
    ) -> Violation? {
        var values: [UInt64: UInt64] = [:]
        for operation in history {
            if case .found(let value, let version) = operation.outcome { values[version] = value }
        }
        let name = "stale reads of \(register)"
        for read in reads {
            if let other = values.updateValue(read.value, forKey: read.version),
                other != read.value
            {
                return Violation(name, "version \(read.version) is also \(other): \(read)")
            }
        }
        var byServer: [String: [Read]] = [:]
        for read in reads { byServer[read.server, default: []].append(read) }
        for read in reads {
            // Two that overlap may have been answered in either order.
            guard
                let earlier = byServer[read.server]?.first(where: {
                    $0.endedAt < read.beganAt && $0.version > read.version
                })
            else { continue }
            return Violation(name, "\(read) went back from \(earlier)")
        }
        return nil
    }
}
