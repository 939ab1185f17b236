// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHCL
import MartletJSON

/// `acl policy …`.
enum ACLPolicyCommands {
    static let all = [
        Command(
            "acl policy apply", "creates or replaces a policy",
            detail: "Creates or replaces a policy. Its rules come from a file, or for - from "
                + "standard input.",
            operands: .exactly("NAME", "PATH"),
            flags: [Flag("description", .text("TEXT"), "What it is for.")], run: apply),
        Command("acl policy list", "lists the policies", flags: Reading.flags, run: list),
        Command(
            "acl policy info", "shows a policy", operands: .exactly("NAME"), flags: Reading.flags,
            run: info),
        Command("acl policy delete", "deletes a policy", operands: .exactly("NAME"), run: delete),
    ]

    private static let rulesBytesMax = 1 << 20

    private static func path(_ name: String) -> String { "/v1/acl/policy/\(Target.encoded(name))" }

    private static let apply: Command.Run = { (invocation) throws(CLIFailure) in
        let name = invocation.values.operands[0]
        let source = invocation.values.operands[1]
        let rules = try invocation.content(of: source, limitBytes: rulesBytesMax)
        do throws(HCLError) {
            _ = try HCL.parse(rules)
        } catch {
            let place = source == "-" ? "standard input" : Text.line(source)
            throw CLIFailure("\(place):\(error)", .refused)
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("Name", name)
        writer.member("Description", invocation.values.text("description") ?? "")
        writer.member("Rules", String(decoding: rules, as: UTF8.self))
        writer.member("CreateIndex", 0 as UInt64)
        writer.member("ModifyIndex", 0 as UInt64)
        writer.endObject()
        _ = try invocation.success(
            .put, path(name), body: writer.bytes + [0x0a], failing: "Error writing ACL policy")
        invocation.line("Successfully wrote \"\(Text.line(name))\" ACL policy!")
        return .fine
    }

    private static let list: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer(
            "/v1/acl/policies", failing: "Error listing ACL policies")
        try invocation.show(answer) { () throws(CLIFailure) in
            let policies = try answer.elements()
            guard !policies.isEmpty else { return "No policies found\n" }
            var table = Table("Name", "Description")
            for policy in policies {
                table.rows.append([Cell(policy.text("Name")), Cell(policy.text("Description"))])
            }
            return table.text(invocation.style)
        }
        return .fine
    }

    private static let info: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer(
            path(invocation.values.operands[0]), failing: "Error fetching info on ACL policy")
        try invocation.show(answer) {
            var facts = Facts()
            facts.add("Name", answer.text("Name"))
            facts.add("Description", answer.text("Description"))
            var rules = Substring(answer["Rules"]?.rawText ?? "")
            while rules.last?.isWhitespace ?? false { rules.removeLast() }
            facts.add("Rules", String(rules))
            facts.add("CreateIndex", answer.text("CreateIndex"))
            facts.add("ModifyIndex", answer.text("ModifyIndex"))
            return facts.text(invocation.style)
        }
        return .fine
    }

    private static let delete: Command.Run = { (invocation) throws(CLIFailure) in
        let name = invocation.values.operands[0]
        _ = try invocation.success(.delete, path(name), failing: "Error deleting ACL policy")
        invocation.line("Successfully deleted \(Text.line(name)) policy!")
        return .fine
    }
}
