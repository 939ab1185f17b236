// SPDX-License-Identifier: Apache-2.0

/// Puts a body that is made piece by piece into the form that its head has told.
///
/// | length  | HTTP/1.1              | HTTP/1.0                                |
/// |---------|-----------------------|-----------------------------------------|
/// | known   | as it is              | as it is                                |
/// | unknown | chunks (RFC 9112 §7.1) | as it is, and its end closes the connection |
package struct BodyWriter: Sendable {
    private enum Coding {
        /// Of an answer to HEAD: everything is left out.
        case none
        case fixed(remaining: Int)
        case chunked
        case untilClose
    }

    private var coding: Coding

    /// Of a request.
    ///
    /// - Parameter length: bytes of the whole body; nil if that is not known.
    package init(length: Int?) {
        coding = length.map { .fixed(remaining: $0) } ?? .chunked
    }

    /// Of an answer.
    package init(for framing: ResponseFraming, length: Int?) {
        if framing.isHead {
            coding = .none
        } else if let length {
            coding = .fixed(remaining: length)
        } else {
            coding = framing.isVersion1_0 ? .untilClose : .chunked
        }
    }

    /// Appends one piece; an empty one is left out, since an empty chunk would be the last.
    ///
    /// - Returns: whether it fits. If not, the source made more than it had promised: the connection
    ///   cannot be used any more.
    package mutating func write(_ piece: [UInt8], to output: inout [UInt8]) -> Bool {
        if piece.isEmpty { return true }
        switch coding {
        case .none: return true
        case .fixed(let remaining):
            guard piece.count <= remaining else { return false }
            coding = .fixed(remaining: remaining - piece.count)
            output.append(contentsOf: piece)
        case .chunked:
            output.append(hexadecimal: piece.count)
            output.append("\r\n")
            output.append(contentsOf: piece)
            output.append("\r\n")
        case .untilClose:
            output.append(contentsOf: piece)
        }
        return true
    }

    /// Appends what ends the body.
    ///
    /// - Returns: whether all of it came. If not, the connection cannot be used any more.
    package mutating func end(to output: inout [UInt8]) -> Bool {
        switch coding {
        case .none, .untilClose: return true
        case .fixed(let remaining): return remaining == 0
        case .chunked:
            output.append("0\r\n\r\n")
            return true
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(hexadecimal number: Int) {
        var shift = (Int.bitWidth - 1 - (number | 1).leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
            append(digit < 10 ? 0x30 + digit : 0x61 - 10 + digit)
            shift -= 4
        }
    }
}
