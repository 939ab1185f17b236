// SPDX-License-Identifier: Apache-2.0

/// What an upgrade compares: a semantic version (semver.org 2.0.0, section 11). A pre-release comes
/// before its release, and build metadata is of no account, in equality too.
///
/// Texts come from other servers: one above ``bytesMax`` is no version, and reading takes one pass.
package struct UpgradeVersion: Comparable, Hashable, Sendable {
    package static let bytesMax = 128
    /// What a server without a readable version counts as.
    package static let zero = UpgradeVersion(numbers: [0, 0, 0], prerelease: [])

    /// Major, minor and patch.
    private let numbers: [UInt64]
    private let prerelease: [Identifier]

    private init(numbers: [UInt64], prerelease: [Identifier]) {
        self.numbers = numbers
        self.prerelease = prerelease
    }

    /// Numbers come before words. Numbers are kept as text: they may have any length.
    private enum Identifier: Hashable, Comparable {
        case number([UInt8])
        case word([UInt8])

        static func < (left: Self, right: Self) -> Bool {
            switch (left, right) {
            case (.number(let left), .number(let right)):
                left.count == right.count
                    ? left.lexicographicallyPrecedes(right) : left.count < right.count
            case (.number, .word): true
            case (.word, .number): false
            case (.word(let left), .word(let right)): left.lexicographicallyPrecedes(right)
            }
        }
    }

    package static func < (left: Self, right: Self) -> Bool {
        if left.numbers != right.numbers {
            return left.numbers.lexicographicallyPrecedes(right.numbers)
        }
        if left.prerelease.isEmpty || right.prerelease.isEmpty {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        return left.prerelease.lexicographicallyPrecedes(right.prerelease)
    }

    /// Reads X.Y.Z with a pre-release or build metadata or both; nil for anything else.
    package init?(build text: String) {
        self.init(text, numbers: 3...3)
    }

    /// Reads an `upgrade_version`: like a build's, and X and X.Y stand for X.0.0 and X.Y.0.
    package init?(custom text: String) {
        self.init(text, numbers: 1...3)
    }

    private init?(_ text: String, numbers count: ClosedRange<Int>) {
        let bytes = text.utf8
        guard bytes.count <= Self.bytesMax else { return nil }
        let plus = bytes.firstIndex(of: UInt8(ascii: "+")) ?? bytes.endIndex
        if plus != bytes.endIndex {
            guard Self.identifiers(bytes[plus...].dropFirst(), areNumbersPlain: false) != nil
            else { return nil }
        }
        let version = bytes[..<plus]
        let dash = version.firstIndex(of: UInt8(ascii: "-")) ?? version.endIndex
        guard
            var numbers = Self.numbers(version[..<dash]), count.contains(numbers.count),
            let prerelease = dash == version.endIndex
                ? [] : Self.identifiers(version[dash...].dropFirst(), areNumbersPlain: true)
        else { return nil }
        while numbers.count < 3 { numbers.append(0) }
        self.init(numbers: numbers, prerelease: prerelease)
    }

    /// Decimal numbers below 2^64 without leading zeros, between dots.
    private static func numbers(_ text: Substring.UTF8View) -> [UInt64]? {
        var numbers: [UInt64] = []
        numbers.reserveCapacity(3)
        var number: UInt64 = 0
        var digits = 0
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0 else { return nil }
                numbers.append(number)
                (number, digits) = (0, 0)
                continue
            }
            // Behind a zero in front there is nothing.
            guard isDigit(byte), digits == 0 || number > 0 else { return nil }
            let (product, isProductTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isSumTooLarge) = product.addingReportingOverflow(UInt64(byte - 0x30))
            guard !isProductTooLarge, !isSumTooLarge else { return nil }
            number = sum
            digits += 1
        }
        guard digits > 0 else { return nil }
        numbers.append(number)
        return numbers
    }

    /// - Parameter areNumbersPlain: as in a pre-release, where a number has no leading zeros.
    private static func identifiers(
        _ text: Substring.UTF8View, areNumbersPlain: Bool
    ) -> [Identifier]? {
        var identifiers: [Identifier] = []
        for part in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard !part.isEmpty, part.allSatisfy(isIdentifierByte) else { return nil }
            if part.allSatisfy(isDigit) {
                guard !areNumbersPlain || isPlainNumber(part) else { return nil }
                identifiers.append(.number(Array(part)))
            } else {
                identifiers.append(.word(Array(part)))
            }
        }
        return identifiers
    }

    private static func isPlainNumber(_ text: Substring.UTF8View) -> Bool {
        !text.isEmpty && text.allSatisfy(isDigit)
            && (text.count == 1 || text.first != UInt8(ascii: "0"))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isIdentifierByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "-")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
