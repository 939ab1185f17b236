// SPDX-License-Identifier: Apache-2.0

/// An expression, before it becomes a program.
indirect enum PatternTree {
    case empty
    case one(CharacterSet)
    case check(Pattern.Assertion)
    case sequence([PatternTree])
    case choice([PatternTree])
    case repeated(PatternTree, least: Int, most: Int?)
}

/// Reads RE2's syntax, the part that ``Pattern`` names. Nesting is bounded, so the recursion is.
struct PatternParser {
    private struct Flags {
        var foldsCase = false
        var dotMatchesNewline = false
        var isMultiline = false
    }

    /// RE2 allows at most this many repeats.
    private static let maxRepeat = 1000
    private let source: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var flags = Flags()

    init(_ source: String) {
        self.source = Array(source.unicodeScalars)
    }

    mutating func parse() -> PatternTree? {
        guard let tree = choice(), index == source.count else { return nil }
        return tree
    }

    private var next: Unicode.Scalar? { index < source.count ? source[index] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    private mutating func choice() -> PatternTree? {
        var branches: [PatternTree] = []
        repeat {
            guard let branch = sequence() else { return nil }
            branches.append(branch)
        } while take("|")
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() -> PatternTree? {
        var parts: [PatternTree] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            guard let part = atom() else { return nil }
            guard let repeated = repeats(of: part) else { return nil }
            parts.append(repeated)
        }
        return parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repeats(of part: PatternTree) -> PatternTree? {
        var result = part
        var times = 0
        while let bounds = bounds() {
            // `a**` is an error in RE2.
            times += 1
            guard times == 1, bounds.least <= Self.maxRepeat, (bounds.most ?? 0) <= Self.maxRepeat,
                bounds.least <= bounds.most ?? bounds.least
            else { return nil }
            _ = take("?")  // Lazy: it matches the same strings.
            result = .repeated(result, least: bounds.least, most: bounds.most)
        }
        return result
    }

    private mutating func bounds() -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard next == "{" else { return nil }
        let start = index
        index += 1
        if let least = number() {
            if take("}") { return (least, least) }
            if take(",") {
                if take("}") { return (least, nil) }
                if let most = number(), take("}") { return (least, most) }
            }
        }
        index = start  // Not a repeat: RE2 reads the brace as itself.
        return nil
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, CharacterSet.digit.contains(scalar.value) {
            value = min((value ?? 0) * 10 + Int(scalar.value - 0x30), Self.maxRepeat + 1)
            index += 1
        }
        return value
    }

    private mutating func atom() -> PatternTree? {
        guard let scalar = next else { return nil }
        index += 1
        switch scalar {
        case "(": return group()
        case "[": return bracket().map { .one(flags.foldsCase ? $0.foldingCase : $0) }
        case ".": return .one(flags.dotMatchesNewline ? .any : .anyButNewline)
        case "^": return .check(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .check(flags.isMultiline ? .lineEnd : .textEnd)
        case "\\": return escape()
        case "*", "+", "?": return nil
        default: return literal(scalar.value)
        }
    }

    private func literal(_ value: UInt32) -> PatternTree {
        let set = CharacterSet(one: value)
        return .one(flags.foldsCase ? set.foldingCase : set)
    }

    private mutating func group() -> PatternTree? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Pattern.maxNesting else { return nil }
        let outer = flags
        if take("?") {
            if take("P") || next == "<" {
                guard name() else { return nil }
            } else {
                guard readFlags() else { return nil }
                if take(")") { return .empty }  // Flags for the rest of the group around it.
                guard take(":") else { return nil }
            }
        }
        guard let tree = choice(), take(")") else { return nil }
        flags = outer
        return tree
    }

    private mutating func name() -> Bool {
        guard take("<") else { return false }
        let start = index
        while let scalar = next, CharacterSet.word.contains(scalar.value) { index += 1 }
        return index > start && take(">")
    }

    private mutating func readFlags() -> Bool {
        var isOn = true
        while let scalar = next, scalar != ":", scalar != ")" {
            index += 1
            switch scalar {
            case "-" where isOn: isOn = false
            case "i": flags.foldsCase = isOn
            case "s": flags.dotMatchesNewline = isOn
            case "m": flags.isMultiline = isOn
            case "U": break  // Swaps lazy and greedy: it matches the same strings.
            default: return false
            }
        }
        return true
    }

    private mutating func escape() -> PatternTree? {
        guard let scalar = next else { return nil }
        switch scalar {
        case "A": return checked(.textStart)
        case "z": return checked(.textEnd)
        case "b": return checked(.wordBoundary)
        case "B": return checked(.notWordBoundary)
        case "Q":
            index += 1
            return quoted()
        default:
            if let set = classEscape() { return .one(set) }
            return escapedValue().map(literal)
        }
    }

    private mutating func checked(_ assertion: Pattern.Assertion) -> PatternTree {
        index += 1
        return .check(assertion)
    }

    private mutating func quoted() -> PatternTree {
        var parts: [PatternTree] = []
        while let scalar = next {
            index += 1
            if scalar == "\\", take("E") { break }
            parts.append(literal(scalar.value))
        }
        return .sequence(parts)
    }

    private mutating func classEscape() -> CharacterSet? {
        let set: CharacterSet
        switch next {
        case "d": set = .digit
        case "D": set = CharacterSet.digit.inverted
        case "w": set = .word
        case "W": set = CharacterSet.word.inverted
        case "s": set = .space
        case "S": set = CharacterSet.space.inverted
        default: return nil
        }
        index += 1
        return set
    }

    /// The code point of an escape that stands for one character.
    private mutating func escapedValue() -> UInt32? {
        guard let scalar = next else { return nil }
        index += 1
        switch scalar {
        case "n": return 0x0A
        case "t": return 0x09
        case "r": return 0x0D
        case "f": return 0x0C
        case "v": return 0x0B
        case "a": return 0x07
        case "x": return hexadecimal()
        default:
            // Letters and digits are kept for meanings: back references are refused here.
            return scalar.value < 0x80 && !CharacterSet.word.contains(scalar.value)
                ? scalar.value : nil
        }
    }

    private mutating func hexadecimal() -> UInt32? {
        let isBraced = take("{")
        var value: UInt32 = 0
        var digits = 0
        while digits < (isBraced ? 6 : 2), let scalar = next,
            let digit = Character(scalar).hexDigitValue
        {
            value = value * 16 + UInt32(digit)
            digits += 1
            index += 1
        }
        guard isBraced ? digits > 0 && take("}") : digits == 2 else { return nil }
        return value <= CharacterSet.lastCodePoint ? value : nil
    }

    private mutating func bracket() -> CharacterSet? {
        let isNegated = take("^")
        // Put in order once: doing it with each part would cost the square of their number.
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while isFirst || next != "]" {
            isFirst = false
            guard let part = bracketPart() else { return nil }
            ranges += part.ranges
        }
        index += 1
        let set = CharacterSet(ranges)
        return isNegated ? set.inverted : set
    }

    private mutating func bracketPart() -> CharacterSet? {
        if next == "[", index + 1 < source.count, source[index + 1] == ":" {
            return namedClass()
        }
        if next == "\\" {
            index += 1
            if let set = classEscape() { return set }
            index -= 1
        }
        guard let low = bracketValue() else { return nil }
        guard next == "-", index + 1 < source.count, source[index + 1] != "]" else {
            return CharacterSet(one: low)
        }
        index += 1
        guard let high = bracketValue(), low <= high else { return nil }
        return CharacterSet([low...high])
    }

    private mutating func bracketValue() -> UInt32? {
        guard let scalar = next else { return nil }
        index += 1
        return scalar == "\\" ? escapedValue() : scalar.value
    }

    private mutating func namedClass() -> CharacterSet? {
        index += 2
        let isNegated = take("^")
        var name = ""
        while let scalar = next, scalar != ":" {
            name.unicodeScalars.append(scalar)
            index += 1
        }
        guard take(":"), take("]"), let set = CharacterSet.named(name) else { return nil }
        return isNegated ? set.inverted : set
    }
}
