// SPDX-License-Identifier: Apache-2.0

/// What differs between two versions of a job:
///
///     +/- Job: "web"
///     +/- Task Group: "cache" (1 create, 2 ignore)
///       +/- Count: "2" => "3" (forces create)
///           Task: "redis"
struct DiffText {
    let style: Style
    /// Whether what is equal is shown too.
    let showsEqual: Bool

    func text(ofJob diff: Answer) throws(CLIFailure) -> String {
        var text = line(diff, 0, "Job: \"\(diff.text("ID"))\"", .strong)
        if shows(diff) { text += try inner(diff, 2) }
        for group in try diff.list("TaskGroups") {
            text += line(
                group, 0, "Task Group: \"\(group.text("Name"))\"" + updates(of: group), .strong)
            if shows(group) { text += try inner(group, 2) }
            for task in try group.list("Tasks") {
                text += line(
                    task, 2, "Task: \"\(task.text("Name"))\"" + annotations(of: task), .strong)
                if shows(task) { text += try inner(task, 4) }
            }
        }
        return text
    }

    /// All fields of what is new or gone say nothing but that it is new or gone.
    private func shows(_ diff: Answer) -> Bool { showsEqual || diff.text("Type") == "Edited" }

    // MARK: Fields

    private func inner(_ diff: Answer, _ indent: Int) throws(CLIFailure) -> String {
        let fields = try diff.list("Fields").filter { showsEqual || $0.text("Type") != "None" }
        let width = fields.map { $0.text("Name").count }.max() ?? 0
        var text = ""
        for field in fields {
            let name = field.text("Name") + ":"
            let gap = String(repeating: " ", count: width + 2 - name.count)
            text += line(field, indent, name + gap + change(of: field) + annotations(of: field))
        }
        for object in try diff.list("Objects") where showsEqual || object.text("Type") != "None" {
            text += line(object, indent, "\(object.text("Name")) {")
            text += try inner(object, indent + 2)
            text += String(repeating: " ", count: indent + 4) + "}\n"
        }
        return text
    }

    private func change(of field: Answer) -> String {
        let (old, new) = ("\"\(field.text("Old"))\"", "\"\(field.text("New"))\"")
        return switch field.text("Type") {
        case "Added": new
        case "Edited": "\(old) => \(new)"
        default: old
        }
    }

    private func annotations(of diff: Answer) -> String {
        let texts = diff.texts("Annotations")
        return texts.isEmpty ? "" : " (\(texts.joined(separator: ", ")))"
    }

    private func updates(of group: Answer) -> String {
        let counts = group.sortedMembers("Updates")
        guard !counts.isEmpty else { return "" }
        return " ("
            + counts.map { name, count in style.paint("\(count.text) \(name)", tint(of: name)) }
            .joined(separator: ", ") + ")"
    }

    private func tint(of update: String) -> Style.Tint {
        switch update {
        case "create": .good
        case "destroy", "preemption": .bad
        case "create/destroy update", "canary", "migrate": .warning
        default: .plain
        }
    }

    // MARK: Lines

    /// The mark takes four columns, so that texts stand below each other.
    private func line(
        _ diff: Answer, _ indent: Int, _ text: String, _ tint: Style.Tint = .plain
    ) -> String {
        let (mark, markTint): (String, Style.Tint) =
            switch diff.text("Type") {
            case "Added": ("+", .good)
            case "Deleted": ("-", .bad)
            case "Edited": ("+/-", .warning)
            default: ("", .plain)
            }
        let gap = String(repeating: " ", count: 4 - mark.count)
        return String(repeating: " ", count: indent) + style.paint(mark, markTint) + gap
            + style.paint(text, tint) + "\n"
    }
}
