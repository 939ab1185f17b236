// SPDX-License-Identifier: Apache-2.0

/// A version such as `1.2.3-beta.1+build`, compared number by number.
struct Version: Sendable, Equatable {
    private static let maxBytes = 256
    /// At least three; missing ones are 0.
    let segments: [UInt64]
    /// How many were written.
    let written: Int
    /// What follows the hyphen, part by part; empty for a release.
    let prerelease: [Substring]

    /// The tolerant form of the `version` operator: a leading `v`, one to many segments.
    init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.maxBytes else { return nil }
        var rest = Substring(text).drop(while: { $0 == " " })
        while rest.last == " " { rest.removeLast() }
        if rest.first == "v" { rest.removeFirst() }
        guard let (numbers, prerelease) = Self.parts(of: rest) else { return nil }
        written = numbers.count
        segments = numbers + Array(repeating: 0, count: max(0, 3 - numbers.count))
        self.prerelease = prerelease
    }

    /// The strict form of the `semver` operator: exactly three numbers, no `v` (semver.org, 2.0).
    static func strict(_ text: some StringProtocol) -> Version? {
        guard let version = Version(text), version.written == 3, text.first != "v",
            text.first != " ", text.last != " "
        else { return nil }
        return version
    }

    private static func parts(of text: Substring) -> ([UInt64], [Substring])? {
        let core = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = core.first else { return nil }
        let halves = first.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let front = halves.first else { return nil }
        var numbers: [UInt64] = []
        for piece in front.split(separator: ".", omittingEmptySubsequences: false) {
            guard piece.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = UInt64(piece)
            else { return nil }
            numbers.append(value)
        }
        guard halves.count == 2 else { return numbers.isEmpty ? nil : (numbers, []) }
        let labels = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy({ !$0.isEmpty }) else { return nil }
        return (numbers, labels)
    }

    /// Whether `self` comes before `other` (semver.org, 2.0, item 11).
    static func < (_ left: Version, _ right: Version) -> Bool {
        for index in 0..<max(left.segments.count, right.segments.count) {
            let (a, b) = (left.segment(index), right.segment(index))
            if a != b { return a < b }
        }
        if left.prerelease.isEmpty || right.prerelease.isEmpty {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        for (a, b) in zip(left.prerelease, right.prerelease) where a != b {
            return precedes(a, b)
        }
        return left.prerelease.count < right.prerelease.count
    }

    func isSame(as other: Version) -> Bool {
        !(self < other) && !(other < self)
    }

    func segment(_ index: Int) -> UInt64 {
        index < segments.count ? segments[index] : 0
    }

    private static func precedes(_ left: Substring, _ right: Substring) -> Bool {
        switch (UInt64(left), UInt64(right)) {
        case (let a?, let b?): a < b
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): left.utf8.lexicographicallyPrecedes(right.utf8)
        }
    }
}

/// A list such as `>= 1.2, < 2.0` or `~> 1.2.3`; all parts must hold.
struct VersionRequirement: Sendable {
    private enum Relation: Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, compatible
    }

    private static let maxParts = 16
    private let parts: [(relation: Relation, version: Version)]
    /// The tolerant operator keeps pre-releases out unless the requirement names one.
    private let isStrict: Bool

    init?(_ text: String, isStrict: Bool) {
        let pieces = text.split(separator: ",", omittingEmptySubsequences: false)
        guard pieces.count <= Self.maxParts else { return nil }
        var parts: [(relation: Relation, version: Version)] = []
        for piece in pieces {
            guard let part = Self.part(piece, isStrict: isStrict) else { return nil }
            parts.append(part)
        }
        self.parts = parts
        self.isStrict = isStrict
    }

    private static func part(
        _ text: Substring, isStrict: Bool
    ) -> (relation: Relation, version: Version)? {
        var rest = text.drop(while: { $0 == " " })
        while rest.last == " " { rest.removeLast() }
        let symbol = rest.prefix(while: { "=<>!~".contains($0) })
        rest = rest.dropFirst(symbol.count).drop(while: { $0 == " " })
        let relations: [Substring: Relation] = [
            "": .equal, "=": .equal, "!=": .notEqual, "<": .less, "<=": .lessOrEqual,
            ">": .greater, ">=": .greaterOrEqual, "~>": .compatible,
        ]
        guard let relation = relations[symbol], !(isStrict && relation == .compatible),
            let version = isStrict ? Version.strict(rest) : Version(rest)
        else { return nil }
        return (relation, version)
    }

    func holds(for text: String) -> Bool {
        guard let version = isStrict ? Version.strict(text) : Version(text) else { return false }
        return parts.allSatisfy { holds(version, $0.relation, $0.version) }
    }

    private func holds(_ version: Version, _ relation: Relation, _ bound: Version) -> Bool {
        switch relation {
        case .equal: version.isSame(as: bound)
        case .notEqual: !version.isSame(as: bound)
        case .less: admits(version, bound) && version < bound
        case .lessOrEqual: admits(version, bound) && !(bound < version)
        case .greater: admits(version, bound) && bound < version
        case .greaterOrEqual: admits(version, bound) && !(version < bound)
        case .compatible: isCompatible(version, bound)
        }
    }

    /// A pre-release is admitted by a bound that names a pre-release of the same numbers.
    private func admits(_ version: Version, _ bound: Version) -> Bool {
        if isStrict || version.prerelease.isEmpty { return true }
        return !bound.prerelease.isEmpty && version.segments == bound.segments
    }

    /// `~> 1.2.3` is `>= 1.2.3, < 1.3.0`: the last number written may grow.
    private func isCompatible(_ version: Version, _ bound: Version) -> Bool {
        guard admits(version, bound), !(version < bound), version.written >= bound.written else {
            return false
        }
        return (0..<max(0, bound.written - 1)).allSatisfy {
            version.segment($0) == bound.segment($0)
        }
    }
}
