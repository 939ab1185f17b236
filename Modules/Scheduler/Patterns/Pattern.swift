// SPDX-License-Identifier: Apache-2.0

/// A regular expression of the `regexp` operator: the part of RE2's syntax that constraints use,
/// run on an automaton without backtracking.
///
/// Whoever registers a job writes the expression, so its cost is bounded twice: a program has at
/// most ``maxInstructions``, and a match takes at most that many steps per character of at most
/// ``maxInput`` characters. What is larger does not compile, or does not match.
///
/// Supported: literals, `.`, classes with ranges and `[:name:]`, `\d \w \s` and their opposites,
/// `\b \B`, `^ $ \A \z`, groups (capturing, `(?:…)`, `(?i)`, `(?s)`, `(?m)`, `(?U)` flags), `|`,
/// `* + ? {n} {n,} {n,m}` with their lazy forms (which match the same strings), `\x41`, `\x{1F600}`,
/// `\Q…\E`. Not supported, and refused as RE2 does: back references and look-around.
package struct Pattern: Sendable {
    package static let maxSourceBytes = 1024
    package static let maxInstructions = 2000
    package static let maxNesting = 64
    package static let maxInput = 4096

    let program: [Instruction]

    /// One step of the automaton.
    enum Instruction: Sendable, Equatable {
        case one(CharacterSet)
        case split(Int, Int)
        case jump(Int)
        case check(Assertion)
        case match
    }

    enum Assertion: Sendable, Equatable {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary
    }

    /// `nil` if `source` is not of the syntax, or too large.
    package init?(_ source: String) {
        guard source.utf8.count <= Self.maxSourceBytes else { return nil }
        var parser = PatternParser(source)
        guard let tree = parser.parse() else { return nil }
        var compiler = PatternCompiler()
        guard let program = compiler.compile(tree) else { return nil }
        self.program = program
    }

    /// How many steps a character of a text takes at most.
    package var instructionCount: Int { program.count }

    /// Whether it matches somewhere in `text`.
    package func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard scalars.count <= Self.maxInput else { return false }
        var current = ThreadList(size: program.count)
        var next = ThreadList(size: program.count)
        for index in 0...scalars.count {
            // A match may begin anywhere: a fresh thread joins at each character.
            if current.follow(0, program: program, scalars: scalars, index: index) { return true }
            guard index < scalars.count else { return false }
            let value = scalars[index].value
            for thread in current.threads {
                guard case .one(let set) = program[thread], set.contains(value) else { continue }
                if next.follow(thread + 1, program: program, scalars: scalars, index: index + 1) {
                    return true
                }
            }
            swap(&current, &next)
            next.clear()
        }
        return false
    }
}

/// The places of the program that are alive at one character, each once.
private struct ThreadList {
    private(set) var threads: [Int] = []
    private var seen: [Bool]
    private var visited: [Int] = []
    private var pending: [Int] = []

    init(size: Int) {
        seen = Array(repeating: false, count: size)
    }

    mutating func clear() {
        threads.removeAll(keepingCapacity: true)
        for place in visited { seen[place] = false }
        visited.removeAll(keepingCapacity: true)
    }

    /// Adds `start` and all it reaches without a character; true if that is the end.
    mutating func follow(
        _ start: Int, program: [Pattern.Instruction], scalars: [Unicode.Scalar], index: Int
    ) -> Bool {
        pending.append(start)
        while let place = pending.popLast() {
            guard !seen[place] else { continue }
            seen[place] = true
            visited.append(place)
            switch program[place] {
            case .one: threads.append(place)
            case .jump(let target): pending.append(target)
            case .split(let first, let second): pending.append(contentsOf: [second, first])
            case .check(let assertion):
                if assertion.holds(in: scalars, at: index) { pending.append(place + 1) }
            case .match:
                pending.removeAll(keepingCapacity: true)
                return true
            }
        }
        return false
    }
}

extension Pattern.Assertion {
    func holds(in scalars: [Unicode.Scalar], at index: Int) -> Bool {
        switch self {
        case .textStart: index == 0
        case .textEnd: index == scalars.count
        case .lineStart: index == 0 || scalars[index - 1] == "\n"
        case .lineEnd: index == scalars.count || scalars[index] == "\n"
        case .wordBoundary: isWord(scalars, index - 1) != isWord(scalars, index)
        case .notWordBoundary: isWord(scalars, index - 1) == isWord(scalars, index)
        }
    }

    private func isWord(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        scalars.indices.contains(index) && CharacterSet.word.contains(scalars[index].value)
    }
}
