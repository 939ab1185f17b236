// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletJSON

/// `acl bootstrap` and `acl token …`.
enum ACLTokenCommands {
    static let all = [
        Command(
            "acl bootstrap", "makes the first management token",
            detail:
                "Makes the first management token, which may do everything. Its secret is shown "
                + "once; it can also be given, in a file or for - on standard input.",
            operands: Operands(["PATH"], 0...1), flags: Reading.flags, run: bootstrap),
        Command(
            "acl token create", "makes a token", detail: "Makes a token. Its secret is shown once.",
            flags: [
                Flag("name", .text("NAME"), "What it is for."),
                Flag("type", .choice(["client", "management"]), "client if it is not given."),
            ] + links + [
                Flag("global", .onOff, "Valid in all regions."),
                Flag("ttl", .duration, "It expires after that time."),
            ] + Reading.flags, run: create),
        Command("acl token list", "lists the tokens", flags: Reading.flags, run: list),
        Command(
            "acl token info", "shows a token", operands: .exactly("ACCESSOR"),
            flags: Reading.flags, run: info),
        Command("acl token self", "shows the token that is in use", flags: Reading.flags, run: own),
        Command(
            "acl token update", "changes a token",
            detail:
                "Changes what is given of a token; what is not stays. The policies and roles that "
                + "are given take the place of those it has.",
            operands: .exactly("ACCESSOR"),
            flags: [
                Flag("name", .text("NAME"), "What it is for."),
                Flag("type", .choice(["client", "management"]), "What kind it is."),
            ] + links + [Flag("global", .setting, "Valid in all regions.")] + Reading.flags,
            run: update),
        Command(
            "acl token delete", "deletes a token", operands: .exactly("ACCESSOR"), run: delete),
    ]

    private static let links = [
        Flag("policy", .list("NAME"), "A policy that it has."),
        Flag("role-id", .list("ID"), "A role that it has, by its ID."),
        Flag("role-name", .list("NAME"), "A role that it has, by its name."),
    ]

    private static func path(_ accessor: String) -> String {
        "/v1/acl/token/\(Target.encoded(accessor))"
    }

    // MARK: What is sent

    /// A token as a request has it, fields in Nomad's order.
    private struct Draft: JSONWritable {
        var accessorID = ""
        var secretID = ""
        var name = ""
        var kind = "client"
        var policies: [String] = []
        /// By id or by name.
        var roles: [(field: String, value: String)] = []
        var isGlobal = false
        var createTime = Timestamp.goZero
        var ttl: GoDuration?
        var createIndex: UInt64 = 0
        var modifyIndex: UInt64 = 0

        init() {}

        /// What it is.
        init(_ answer: Answer) throws(CLIFailure) {
            accessorID = answer.text("AccessorID")
            secretID = answer.text("SecretID")
            name = answer.text("Name")
            kind = answer.text("Type")
            policies = try answer.list("Policies").map(\.text)
            roles = try answer.list("Roles").map { ("ID", $0.text("ID")) }
            isGlobal = answer.isTrue("Global")
            createTime = answer.text("CreateTime", default: Timestamp.goZero)
            createIndex = answer.count("CreateIndex") ?? 0
            modifyIndex = answer.count("ModifyIndex") ?? 0
        }

        mutating func take(_ values: CommandLineValues) {
            name = values.text("name") ?? name
            kind = values.text("type") ?? kind
            isGlobal = values.truth("global") ?? isGlobal
            let policies = values.list("policy")
            if !policies.isEmpty { self.policies = policies }
            let roles =
                values.list("role-id").map { ("ID", $0) }
                + values.list("role-name").map { ("Name", $0) }
            if !roles.isEmpty { self.roles = roles }
            ttl = values.duration("ttl")
        }

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("AccessorID", accessorID)
            writer.member("SecretID", secretID)
            writer.member("Name", name)
            writer.member("Type", kind)
            writer.key("Policies")
            if policies.isEmpty {
                writer.null()
            } else {
                writer.beginArray()
                for policy in policies { writer.string(policy) }
                writer.endArray()
            }
            if !roles.isEmpty {
                writer.key("Roles")
                writer.beginArray()
                for role in roles {
                    writer.beginObject()
                    writer.member(role.field, role.value)
                    writer.endObject()
                }
                writer.endArray()
            }
            writer.member("Global", isGlobal)
            writer.member("CreateTime", createTime)
            if let ttl { writer.member("ExpirationTTL", ttl) }
            writer.member("CreateIndex", createIndex)
            writer.member("ModifyIndex", modifyIndex)
            writer.endObject()
        }

        var bytes: [UInt8] { JSONWriter.encode(self) + [0x0a] }
    }

    // MARK: What is shown

    private static func show(_ answer: Answer, _ invocation: Invocation) throws(CLIFailure) {
        try invocation.show(answer) { () throws(CLIFailure) in
            var facts = Facts()
            let secret = answer.text("SecretID")
            let kind = answer.text("Type")
            let policies = try answer.list("Policies").map(\.text)
            facts.add("Accessor ID", answer.text("AccessorID"))
            facts.add("Secret ID", secret.isEmpty ? "<not kept by the servers>" : secret)
            facts.add("Name", answer.text("Name"))
            facts.add("Type", kind)
            facts.add("Global", answer.text("Global"))
            facts.add(
                "Policies",
                kind == "management" ? "n/a" : "[\(policies.joined(separator: " "))]")
            let roles = try answer.list("Roles").map { $0.text("Name") }
            if !roles.isEmpty { facts.add("Roles", "[\(roles.joined(separator: " "))]") }
            facts.add("Create Time", Moment.text(answer.text("CreateTime"), invocation.environment))
            if let expiry = answer["ExpirationTime"] {
                facts.add("Expiry Time", Moment.text(expiry.text, invocation.environment))
            }
            facts.add("Create Index", answer.text("CreateIndex"))
            facts.add("Modify Index", answer.text("ModifyIndex"))
            return facts.text(invocation.style)
        }
    }

    // MARK: Commands

    private static let bootstrap: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        var body: [UInt8]?
        if let path = invocation.values.operands.first {
            let content = try invocation.content(of: path, limitBytes: 4096)
            let secret = Text.line(String(decoding: content, as: UTF8.self))
            guard !secret.isEmpty else { throw .usage("\(Text.line(path)): it holds no secret") }
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("BootstrapSecret", secret)
            writer.endObject()
            body = writer.bytes
        }
        let answer = try invocation.answer(
            .put, "/v1/acl/bootstrap", body: body, failing: "Error bootstrapping")
        try show(answer, invocation)
        return .fine
    }

    private static let create: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        var draft = Draft()
        draft.take(invocation.values)
        let answer = try invocation.answer(
            .put, "/v1/acl/token", body: draft.bytes, failing: "Error creating token")
        try show(answer, invocation)
        return .fine
    }

    private static let list: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer("/v1/acl/tokens", failing: "Error listing tokens")
        try invocation.show(answer) { () throws(CLIFailure) in
            let tokens = try answer.elements()
            guard !tokens.isEmpty else { return "No tokens found\n" }
            var table = Table("Name", "Type", "Global", "Accessor ID")
            for token in tokens {
                table.rows.append(
                    ["Name", "Type", "Global", "AccessorID"].map { Cell(token.text($0)) })
            }
            return table.text(invocation.style)
        }
        return .fine
    }

    private static let info: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer(
            path(invocation.values.operands[0]), failing: "Error fetching token")
        try show(answer, invocation)
        return .fine
    }

    private static let own: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer(
            "/v1/acl/token/self", failing: "Error fetching self token")
        try show(answer, invocation)
        return .fine
    }

    private static let update: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let values = invocation.values
        let changes = ["name", "type", "global", "policy", "role-id", "role-name"]
        guard changes.contains(where: { values.text($0) != nil }) else {
            throw .usage("nothing to change: give -name, -policy or another setting")
        }
        let target = path(values.operands[0])
        var draft = try Draft(try invocation.answer(target, failing: "Error fetching token"))
        draft.take(values)
        let answer = try invocation.answer(
            .put, target, body: draft.bytes, failing: "Error updating token")
        try show(answer, invocation)
        return .fine
    }

    private static let delete: Command.Run = { (invocation) throws(CLIFailure) in
        let accessor = invocation.values.operands[0]
        _ = try invocation.success(.delete, path(accessor), failing: "Error deleting token")
        invocation.line("Token \(Text.line(accessor)) successfully deleted")
        return .fine
    }
}
