// SPDX-License-Identifier: Apache-2.0

/// What an accepted connection's first bytes are.
enum Greeting {
    case secured
    case http
    case other

    /// How requests begin.
    private static let methods = [
        "GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO", "PATCH", "CONNE", "TRACE",
    ].map { Array($0.utf8) }

    /// nil while more bytes are needed to tell.
    ///
    /// A ClientHello's record (RFC 8446 §5.1) begins with its type 22, version 3.1 to 3.4, a length
    /// and the message's type 1. A frame between servers (`Modules/Server/Frames.swift`) of exactly
    /// 66,326 bytes and some kinds of checksum begins so as well: its sender tries again with other
    /// bytes.
    init?(_ bytes: [UInt8]) {
        let isHello = Self.matches(bytes) { place, byte in
            switch place {
            case 0: byte == 22
            case 1: byte == 3
            case 2: (1...4).contains(byte)
            case 3: byte <= 0x40
            case 4: true
            default: byte == 1
            }
        }
        let isRequest = Self.methods.contains { method in
            zip(bytes.prefix(5), method).allSatisfy { $0 == $1 }
        }
        switch (isHello, isRequest, bytes.count) {
        case (true, _, 6...): self = .secured
        case (_, true, 5...): self = .http
        case (false, false, _): self = .other
        default: return nil
        }
    }

    private static func matches(_ bytes: [UInt8], _ isRight: (Int, UInt8) -> Bool) -> Bool {
        bytes.prefix(6).enumerated().allSatisfy { isRight($0.offset, $0.element) }
    }
}
