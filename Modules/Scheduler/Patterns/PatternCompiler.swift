// SPDX-License-Identifier: Apache-2.0

/// Turns the tree of an expression into a program of bounded size.
struct PatternCompiler {
    private var program: [Pattern.Instruction] = []

    /// `nil` if the program would be larger than ``Pattern/maxInstructions``: counted repeats
    /// multiply, so `((a{100}){100}){100}` stops here.
    mutating func compile(_ tree: PatternTree) -> [Pattern.Instruction]? {
        guard emit(tree), add(.match) else { return nil }
        return program
    }

    private mutating func add(_ instruction: Pattern.Instruction) -> Bool {
        guard program.count < Pattern.maxInstructions else { return false }
        program.append(instruction)
        return true
    }

    private mutating func emit(_ tree: PatternTree) -> Bool {
        switch tree {
        case .empty: true
        case .one(let set): add(.one(set))
        case .check(let assertion): add(.check(assertion))
        case .sequence(let parts): emit(parts)
        case .choice(let branches): emit(branches: branches)
        case .repeated(let part, let least, let most): emit(part, least: least, most: most)
        }
    }

    private mutating func emit(_ parts: [PatternTree]) -> Bool {
        for part in parts {
            guard emit(part) else { return false }
        }
        return true
    }

    private mutating func emit(branches: [PatternTree]) -> Bool {
        var exits: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                guard emit(branch) else { return false }
                break
            }
            let split = program.count
            guard add(.split(split + 1, 0)), emit(branch) else { return false }
            exits.append(program.count)
            guard add(.jump(0)) else { return false }
            program[split] = .split(split + 1, program.count)
        }
        for exit in exits { program[exit] = .jump(program.count) }
        return true
    }

    private mutating func emit(_ part: PatternTree, least: Int, most: Int?) -> Bool {
        for _ in 0..<least {
            // A part without characters costs nothing to repeat: it must still be bounded.
            let before = program.count
            guard emit(part) else { return false }
            if program.count == before { return true }
        }
        guard let most else { return emit(loop: part) }
        var splits: [Int] = []
        for _ in least..<max(least, most) {
            splits.append(program.count)
            guard add(.split(program.count + 1, 0)), emit(part) else { return false }
        }
        for split in splits { program[split] = .split(split + 1, program.count) }
        return true
    }

    private mutating func emit(loop part: PatternTree) -> Bool {
        let split = program.count
        guard add(.split(split + 1, 0)), emit(part), add(.jump(split)) else { return false }
        program[split] = .split(split + 1, program.count)
        return true
    }
}
