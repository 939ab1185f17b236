// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// `acl role …`.
enum ACLRoleCommands {
    static let all = [
        Command(
            "acl role create", "makes a role",
            flags: [Flag("name", .text("NAME"), "Its name.")] + content + Reading.flags,
            run: create),
        Command("acl role list", "lists the roles", flags: Reading.flags, run: list),
        Command(
            "acl role info", "shows a role", operands: .exactly("ROLE"),
            flags: [Flag("by-name", .onOff, "ROLE is a name, not an ID.")] + Reading.flags,
            run: info),
        Command(
            "acl role update", "changes a role",
            detail:
                "Changes what is given of a role; what is not stays. The policies that are given "
                + "come to those it has, or with -no-merge take their place.",
            operands: .exactly("ID"),
            flags: [
                Flag("name", .text("NAME"), "Its name."),
                Flag("no-merge", .onOff, "All that the role is to be is given."),
            ] + content + Reading.flags, run: update),
        Command("acl role delete", "deletes a role", operands: .exactly("ID"), run: delete),
    ]

    private static let content = [
        Flag("description", .text("TEXT"), "What it is for."),
        Flag("policy", .list("NAME"), "A policy that it has."),
    ]

    private static func path(_ id: String) -> String { "/v1/acl/role/\(Target.encoded(id))" }

    private struct Draft: JSONWritable {
        var id = ""
        var name = ""
        var description = ""
        var policies: [String] = []

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("ID", id)
            writer.member("Name", name)
            writer.member("Description", description)
            writer.key("Policies")
            writer.beginArray()
            for policy in policies {
                writer.beginObject()
                writer.member("Name", policy)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }

        mutating func take(_ values: CommandLineValues) {
            name = values.text("name") ?? name
            description = values.text("description") ?? description
            for policy in values.list("policy") where !policies.contains(policy) {
                policies.append(policy)
            }
        }

        var bytes: [UInt8] { JSONWriter.encode(self) + [0x0a] }
    }

    private static func policies(of role: Answer) throws(CLIFailure) -> [String] {
        try role.list("Policies").map { $0.text("Name") }
    }

    private static func show(_ answer: Answer, _ invocation: Invocation) throws(CLIFailure) {
        try invocation.show(answer) { () throws(CLIFailure) in
            var facts = Facts()
            facts.add("ID", answer.text("ID"))
            facts.add("Name", answer.text("Name"))
            facts.add("Description", answer.text("Description"))
            facts.add("Policies", try policies(of: answer).joined(separator: ","))
            facts.add("Create Index", answer.text("CreateIndex"))
            facts.add("Modify Index", answer.text("ModifyIndex"))
            return facts.text(invocation.style)
        }
    }

    private static let create: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        var draft = Draft()
        draft.take(invocation.values)
        guard !draft.name.isEmpty else { throw .usage("-name is missing") }
        guard !draft.policies.isEmpty else {
            throw .usage("-policy is missing: a role has policies")
        }
        let answer = try invocation.answer(
            .put, "/v1/acl/role", body: draft.bytes, failing: "Error creating ACL role")
        try show(answer, invocation)
        return .fine
    }

    private static let list: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer("/v1/acl/roles", failing: "Error listing ACL roles")
        try invocation.show(answer) { () throws(CLIFailure) in
            let roles = try answer.elements()
            guard !roles.isEmpty else { return "No ACL roles found\n" }
            var table = Table("ID", "Name", "Description", "Policies")
            for role in roles {
                table.rows.append([
                    Cell(role.text("ID")), Cell(role.text("Name")), Cell(role.text("Description")),
                    Cell(try policies(of: role).joined(separator: ",")),
                ])
            }
            return table.text(invocation.style)
        }
        return .fine
    }

    private static let info: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let role = invocation.values.operands[0]
        let target =
            invocation.values.isOn("by-name")
            ? "/v1/acl/role/name/\(Target.encoded(role))" : path(role)
        let answer = try invocation.answer(target, failing: "Error reading ACL role")
        try show(answer, invocation)
        return .fine
    }

    private static let update: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let values = invocation.values
        guard ["name", "description", "policy"].contains(where: { values.text($0) != nil }) else {
            throw .usage("nothing to change: give -name, -description or -policy")
        }
        let target = path(values.operands[0])
        let present = try invocation.answer(target, failing: "Error reading ACL role")
        var draft = Draft()
        if !values.isOn("no-merge") {
            draft.name = present.text("Name")
            draft.description = present.text("Description")
            draft.policies = try policies(of: present)
        }
        draft.id = present.text("ID")
        draft.take(values)
        let answer = try invocation.answer(
            .put, target, body: draft.bytes, failing: "Error updating ACL role")
        try show(answer, invocation)
        return .fine
    }

    private static let delete: Command.Run = { (invocation) throws(CLIFailure) in
        let id = invocation.values.operands[0]
        _ = try invocation.success(.delete, path(id), failing: "Error deleting ACL role")
        invocation.line("ACL role \(Text.line(id)) successfully deleted")
        return .fine
    }
}
