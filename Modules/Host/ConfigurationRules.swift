// SPDX-License-Identifier: Apache-2.0

import MartletTransport

/// What texts must look like: nil, or what would be right.
enum Rule {
    static func name(_ text: String) -> String? {
        let isPrintable = text.unicodeScalars.allSatisfy { scalar in
            scalar.value > 0x20 && !(0x7f...0xa0).contains(scalar.value)
                && !scalar.properties.isWhitespace
        }
        return (1...128).contains(text.utf8.count) && isPrintable
            ? nil : "1 to 128 bytes without spaces or control characters"
    }

    static func label(_ text: String) -> String? {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(isLabelByte)
            ? nil : "1 to 128 letters, digits, '-' or '_'"
    }

    static func optionalLabel(_ text: String) -> String? {
        text.isEmpty ? nil : label(text)
    }

    /// Up to three numbers, then what semantic versions may append.
    static func optionalVersion(_ text: String) -> String? {
        let number = text.prefix { $0 != "-" && $0 != "+" }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        let isNumber =
            (1...3).contains(parts.count)
            && parts.allSatisfy { (1...9).contains($0.utf8.count) && $0.utf8.allSatisfy(isDigit) }
        let isClean = text.utf8.allSatisfy { isLabelByte($0) || isVersionMark($0) }
        return text.isEmpty || isNumber && isClean && text.utf8.count <= 64
            ? nil : "a version such as \"1.4.0\", of at most 64 bytes"
    }

    static func absolutePath(_ text: String) -> String? {
        text.hasPrefix("/") && text.utf8.count <= 3_072 && !text.utf8.contains(0)
            ? nil : "an absolute path, such as \"/var/lib/martlet\""
    }

    static func ip(_ text: String) -> String? {
        SocketAddress(host: text, port: 0) != nil
            ? nil
            : "a numeric address without a port, such as \"127.0.0.1\" or \"::1\"" + template(text)
    }

    static func ipAndPort(_ text: String) -> String? {
        AgentConfiguration.address(text, defaultPort: 1) != nil
            ? nil
            : "a numeric address, such as \"10.0.0.1\", \"10.0.0.1:4648\" or \"[::1]:4648\""
                + template(text)
    }

    /// What to say of Nomad's go-sockaddr templates.
    private static func template(_ text: String) -> String {
        text.hasPrefix("{{")
            ? ": templates are not evaluated here; what starts the agent can write the address" : ""
    }

    /// Names are looked up at each attempt: what they stand for may change.
    static func joinTarget(_ text: String) -> String? {
        if AgentConfiguration.address(text, defaultPort: 1) != nil { return nil }
        if text.hasPrefix("provider=") || text.hasPrefix("provider ") {
            return "an address or a name: looking servers up at a cloud provider is not in this"
                + " version"
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let labels = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let isName =
            parts[0].utf8.count <= 253
            && labels.allSatisfy {
                (1...63).contains($0.utf8.count) && $0.utf8.allSatisfy(isLabelByte)
            }
            && labels.last?.utf8.allSatisfy(isDigit) == false
        let isPort = parts.count == 1 || parts.count == 2 && (UInt16(parts[1]) ?? 0) > 0
        return isName && isPort
            ? nil
            : "an address or a name, such as \"10.0.0.1\", \"[::1]:4648\" or \"s1.example:4648\""
                + template(text)
    }

    /// As OpenSSL or the IANA registry write it.
    static func cipherSuite(_ text: String) -> String? {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isLabelByte)
            ? nil : "names such as \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\""
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isVersionMark(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+")
    }
}
