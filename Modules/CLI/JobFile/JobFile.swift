// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHCL

/// A job file in HCL, turned into what the API takes.
///
/// Read is what a job has here, as constants: no variables, functions or other expressions. A key
/// that is not known is a fault with its place, and the nearest that is.
enum JobFile {
    static let bytesMax = 1 << 20

    static func job(in bytes: [UInt8]) throws(HCLError) -> JobValue {
        let body = try HCL.parse(bytes, limits: HCLLimits(bytesMax: bytesMax), syntax: .hcl)
        for item in body.items where item.key != "job" { throw stranger(item) }
        let jobs = try body.blocks("job", labels: 1)
        guard let job = jobs.first else {
            throw HCLError(
                "a job file holds job \"NAME\" { … }", at: HCLPosition(line: 1, column: 1))
        }
        guard jobs.count == 1 else {
            throw HCLError("a job file holds one job, not \(jobs.count)", at: jobs[1].position)
        }
        var members = try JobSchema.job.members(of: job.body)
        let label = job.labels[0].text
        if !members.contains(where: { $0.name == "Name" }) {
            members.insert(("Name", .text(label)), at: 0)
        }
        if !members.contains(where: { $0.name == "ID" }) {
            members.insert(("ID", .text(label)), at: 0)
        }
        return .object(members)
    }

    private static func stranger(_ item: HCLItem) -> HCLError {
        guard !["variable", "variables", "locals", "plugin"].contains(item.key) else {
            return HCLError(
                "\(hclQuoted(item.key)) is outside the subset of job files that is read here: "
                    + "variables and functions; write the values themselves", at: item.position)
        }
        return HCLError(
            "unknown key \(hclQuoted(item.key)): a job file holds job \"NAME\" { … }",
            at: item.position)
    }
}

extension JobSchema {
    typealias Members = [(name: String, value: JobValue)]

    /// The members of the object that a block stands for.
    func members(of body: HCLBody) throws(HCLError) -> Members {
        var members: Members = []
        var done: [String] = []
        for item in body.items where !done.contains(item.key) {
            let field = try field(of: item)
            done.append(item.key)
            if let value = try value(of: field, item, in: body) {
                members.append((field.name, value))
            }
        }
        return members
    }

    private func field(of item: HCLItem) throws(HCLError) -> Field {
        if let field = fields.first(where: { $0.key == item.key }) { return field }
        let shown = hclQuoted(item.key)
        guard !outside.contains(item.key) else {
            throw HCLError(
                "\(shown) in \"\(title)\" is outside the subset of job files that is read here",
                at: item.position)
        }
        guard item.key != "dynamic" else {
            throw HCLError(
                "\(shown) is outside the subset of job files that is read here: write the blocks "
                    + "themselves", at: item.position)
        }
        let nearest = nearestName(to: item.key, among: fields.map(\.key))
        throw HCLError(
            "unknown key \(shown) in \"\(title)\""
                + (nearest.map { ": did you mean \(hclQuoted($0))?" } ?? ""), at: item.position)
    }

    private func value(
        of field: Field, _ item: HCLItem, in body: HCLBody
    ) throws(HCLError) -> JobValue? {
        switch field.kind {
        case .block(let schema):
            let block = try single(field.key, in: body)
            return try block.map { (block) throws(HCLError) in
                .object(try schema.members(of: block.body))
            }
        case .anything:
            let block = try single(field.key, in: body)
            return try block.map { (block) throws(HCLError) in
                try JobValue.anything(
                    HCLNode(.object(block.body), at: block.position), of: field.key)
            }
        case .blocks(let schema):
            return .list(
                try each(field.key, 0, in: body) { (block) throws(HCLError) in
                    .object(try schema.members(of: block.body))
                })
        case .named(let schema, let name):
            return .list(
                try each(field.key, 1, in: body) { (block) throws(HCLError) in
                    let members = try schema.members(of: block.body)
                    let label: Members = [(name, .text(block.labels[0].text))]
                    return .object(label + members.filter { $0.name != name })
                })
        case .keyed(let schema): return .object(try keyed(field.key, schema, in: body))
        case .map: return .object(try map(field.key, in: body))
        case .network:
            return .list(
                try each(field.key, 0, in: body) { (block) throws(HCLError) in
                    try JobNetwork.value(of: block.body)
                })
        case .rule(let isAffinity):
            return .list(
                try each(field.key, 0, in: body) { (block) throws(HCLError) in
                    try JobRule.value(of: block, isAffinity: isAffinity)
                })
        case .text, .count, .truth, .span, .texts:
            return try scalar(field, item, in: body)
        }
    }

    private func scalar(
        _ field: Field, _ item: HCLItem, in body: HCLBody
    ) throws(HCLError) -> JobValue? {
        if let second = body.items.filter({ $0.key == field.key }).dropFirst().first {
            throw HCLError("\(hclQuoted(field.key)) is given twice", at: second.position)
        }
        if case .null = item.node.value { return nil }
        let (node, key) = (item.node, field.key)
        switch field.kind {
        case .count: return .int(try JobValue.count(node, of: key))
        case .truth: return .bool(try JobValue.truth(node, of: key))
        case .span: return .int(Int(try Self.span(node, of: key).nanoseconds))
        case .texts: return .list(try JobValue.texts(node, of: key).map { .text($0) })
        default: return .text(try JobValue.text(node, of: key))
        }
    }

    private static func span(_ node: HCLNode, of key: String) throws(HCLError) -> GoDuration {
        guard case .string(let text) = node.value else {
            throw JobValue.mismatch(node, key, "a duration such as \"30s\"")
        }
        do throws(GoDuration.ParseError) {
            return try GoDuration(parsing: text)
        } catch {
            throw HCLError(
                "\(hclQuoted(key)) must be a duration such as \"30s\" or \"1m30s\", not "
                    + hclQuoted(text), at: node.position)
        }
    }

    // MARK: Blocks

    private func single(_ key: String, in body: HCLBody) throws(HCLError) -> HCLBlock? {
        let blocks = try body.blocks(key, labels: 0)
        if blocks.count > 1 {
            throw HCLError("\(hclQuoted(key)) is given twice", at: blocks[1].position)
        }
        return blocks.first
    }

    private func each(
        _ key: String, _ labels: Int, in body: HCLBody,
        _ make: (HCLBlock) throws(HCLError) -> JobValue
    ) throws(HCLError) -> [JobValue] {
        var values: [JobValue] = []
        var seen: Set<String> = []
        for block in try body.blocks(key, labels: labels) {
            if let label = block.labels.first, !seen.insert(label.text).inserted {
                throw HCLError(
                    "there are two of \(hclQuoted(key)) \(hclQuoted(label.text))",
                    at: label.position)
            }
            values.append(try make(block))
        }
        return values
    }

    private func keyed(
        _ key: String, _ schema: JobSchema, in body: HCLBody
    ) throws(HCLError) -> Members {
        var members: Members = []
        for block in try body.blocks(key, labels: 1) {
            let label = block.labels[0]
            guard !members.contains(where: { $0.name == label.text }) else {
                throw HCLError(
                    "there are two of \(hclQuoted(key)) \(hclQuoted(label.text))",
                    at: label.position)
            }
            members.append((label.text, .object(try schema.members(of: block.body))))
        }
        return members
    }

    /// Several blocks are one; a name may be there once.
    private func map(_ key: String, in body: HCLBody) throws(HCLError) -> Members {
        var members: Members = []
        var seen: Set<String> = []
        for block in try body.blocks(key, labels: 0) {
            for item in block.body.items {
                guard seen.insert(item.key).inserted else {
                    throw HCLError("\(hclQuoted(item.key)) is given twice", at: item.position)
                }
                members.append((item.key, .text(try JobValue.scalarText(item.node, of: item.key))))
            }
        }
        return members
    }
}
