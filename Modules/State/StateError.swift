// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not a command or a state.
package enum StateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A newer program wrote them; `known` is the newest version that this one reads.
    case newerVersion(UInt8, known: UInt8)
    case malformed(String)

    package var description: String {
        switch self {
        case .newerVersion(let version, let known):
            "version \(version) is newer than \(known), the newest that this program knows"
        case .malformed(let why): why
        }
    }
}
