// SPDX-License-Identifier: Apache-2.0

/// What `-help` prints.
struct Help {
    let tree: CommandTree
    let width: Int

    private var columns: Int { min(max(width, 40), 100) }

    func text(ofGroup path: [String]) -> String {
        let name = (["martlet"] + path).joined(separator: " ")
        let children = tree.children(of: path)
        let widest = children.map(\.word.count).max() ?? 0
        var text = "Usage: \(name) <command> [flags] [arguments]\n\n"
        text += Text.wrapped(
            "\(path.isEmpty ? "Martlet" : name): \(tree.synopsis(ofGroup: path)).", width: columns,
            indent: 2)
        text += "\n\nCommands:\n"
        for child in children {
            let gap = String(repeating: " ", count: widest - child.word.count + 3)
            text += "  \(child.word)\(gap)\(child.synopsis)\n"
        }
        text += "\n'\(name) <command> -help' says more about one.\n"
        return text
    }

    func text(of command: Command) -> String {
        var text = "Usage: martlet \(command.name) [flags]"
        let operands = command.operands.usage
        if !operands.isEmpty { text += " \(operands)" }
        text += "\n\n"
        let sentences = command.detail.isEmpty ? Self.sentence(command.synopsis) : command.detail
        text += Text.wrapped(sentences, width: columns, indent: 2) + "\n"
        if !command.flags.isEmpty { text += "\nFlags:\n\n" + list(command.flags) }
        let general = (command.asksServer ? GeneralFlags.all : []) + [GeneralFlags.help]
        text += "\nGeneral flags:\n\n" + list(general)
        return text
    }

    private func list(_ flags: [Flag]) -> String {
        flags.map { flag in
            "  \(flag.usage)\n\(Text.wrapped(flag.help, width: columns, indent: 6))\n"
        }.joined()
    }

    static func sentence(_ synopsis: String) -> String {
        synopsis.prefix(1).uppercased() + synopsis.dropFirst() + "."
    }
}
