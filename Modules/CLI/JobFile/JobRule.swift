// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHCL

/// A constraint or an affinity, with the short forms:
///
///     attribute = "${attr.kernel.version}"   regexp = "^6"       operator = "regexp", value = "^6"
///     distinct_hosts = true                  distinct_property = "${meta.rack}"
enum JobRule {
    private static let schema = JobSchema(
        title: "constraint",
        fields: [
            JobSchema.field("attribute", "LTarget", .text),
            JobSchema.field("operator", "Operand", .text),
            JobSchema.field("value", "RTarget", .text),
        ])
    private static let affinity = JobSchema(
        title: "affinity",
        fields: schema.fields + [JobSchema.field("weight", "Weight", .count)])
    /// Keys that are an operator, whose value is what it compares with.
    private static let comparisons = [
        "version", "semver", "regexp", "set_contains", "set_contains_all", "set_contains_any",
    ]

    static func value(of block: HCLBlock, isAffinity: Bool) throws(HCLError) -> JobValue {
        var rest = HCLBody()
        var short: JobSchema.Members = []
        for item in block.body.items {
            guard let members = try shortForm(item, isAffinity: isAffinity) else {
                rest.items.append(item)
                continue
            }
            guard short.isEmpty else { throw severalOperators(at: item.position) }
            short = members
        }
        let schema = isAffinity ? affinity : schema
        let given = try schema.members(of: rest)
        if let both = given.first(where: { member in short.contains { $0.name == member.name } }) {
            let key = schema.fields.first { $0.name == both.name }?.key ?? both.name
            let item = rest.items.first { $0.key == key }
            throw severalOperators(at: item?.position ?? block.position)
        }
        return .object(given + short)
    }

    private static func shortForm(
        _ item: HCLItem, isAffinity: Bool
    ) throws(HCLError) -> JobSchema.Members? {
        if comparisons.contains(item.key) {
            let text = try JobValue.text(item.node, of: item.key)
            return [("Operand", .text(item.key)), ("RTarget", .text(text))]
        }
        guard !isAffinity else { return nil }
        if item.key == Constraint.distinctProperty {
            let text = try JobValue.text(item.node, of: item.key)
            return [("Operand", .text(item.key)), ("LTarget", .text(text))]
        }
        guard item.key == Constraint.distinctHosts else { return nil }
        guard try JobValue.truth(item.node, of: item.key) else {
            throw HCLError(
                "\(hclQuoted(item.key)) = false says nothing: leave the block out",
                at: item.position)
        }
        return [("Operand", .text(item.key))]
    }

    private static func severalOperators(at position: HCLPosition) -> HCLError {
        HCLError("a rule has one operator, and one value", at: position)
    }
}

/// A network: its ports are blocks here, and two lists in the API.
enum JobNetwork {
    private static let schema = JobSchema(
        title: "network",
        fields: [
            JobSchema.field("mode", "Mode", .text), JobSchema.field("mbits", "MBits", .count),
            JobSchema.field("dns", "DNS", .block(dns)),
            JobSchema.field("port", "Ports", .named(port, "Label")),
        ], outside: ["hostname", "cni"])

    private static let dns = JobSchema(
        title: "dns",
        fields: [
            JobSchema.field("servers", "Servers", .texts),
            JobSchema.field("searches", "Searches", .texts),
            JobSchema.field("options", "Options", .texts),
        ])

    private static let port = JobSchema(
        title: "port",
        fields: [
            JobSchema.field("static", "Value", .count), JobSchema.field("to", "To", .count),
            JobSchema.field("host_network", "HostNetwork", .text),
        ], outside: ["ignore_collision"])

    static func value(of body: HCLBody) throws(HCLError) -> JobValue {
        var members = try schema.members(of: body)
        guard let place = members.firstIndex(where: { $0.name == "Ports" }),
            case .list(let ports) = members[place].value
        else { return .object(members) }
        members.remove(at: place)
        let reserved = ports.filter(hasNumber)
        let dynamic = ports.filter { !hasNumber($0) }
        if !reserved.isEmpty { members.append(("ReservedPorts", .list(reserved))) }
        if !dynamic.isEmpty { members.append(("DynamicPorts", .list(dynamic))) }
        return .object(members)
    }

    private static func hasNumber(_ port: JobValue) -> Bool {
        guard case .object(let members) = port else { return false }
        return members.contains { $0.name == "Value" }
    }
}
