// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension ACLTables {
    mutating func apply(
        _ command: ACLCommand, bounds: Bounds = .first, at index: UInt64
    ) -> CommandResult {
        do throws(ACLRefusal) {
            return try carryOut(command, bounds, at: index)
                ? .applied(modifyIndex: index) : .unchanged
        } catch {
            return .aclRefused(error)
        }
    }

    /// Whether there was something to do.
    ///
    /// - Throws: before anything has changed.
    private mutating func carryOut(
        _ command: ACLCommand, _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        switch command {
        case .upsertPolicies(let policies): try upsert(policies, bounds, at: index)
        case .deletePolicies(let names): delete(policies: names, at: index)
        case .createToken(let token): try create(token, bounds, at: index)
        case .updateToken(let change): try update(change, bounds, at: index)
        case .deleteTokens(let accessors): try delete(tokens: accessors, at: index)
        case .deleteExpiredTokens(let asOf, let limit):
            deleteTokens(accessors(expiredAt: asOf, limit: Int(limit)), at: index)
        case .createRole(let role): try create(role, bounds, at: index)
        case .updateRole(let role): try update(role, bounds, at: index)
        case .deleteRoles(let ids): try delete(roles: ids, at: index)
        case .bootstrap(let token, let reset, let revokesManagement):
            try bootstrap(
                token, reset: reset, revokesManagement: revokesManagement, bounds, at: index)
        }
    }

    // MARK: Policies

    /// Of two with one name the later counts.
    private mutating func upsert(
        _ policies: [ACLPolicy], _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        var grown = self
        for policy in policies {
            let created = grown.policyTable[policy.name]?.createIndex ?? index
            grown.insert(policy.written(created: created, modified: index))
        }
        guard grown.policyTable.count <= bounds.policies else {
            throw .full(.policies, max: bounds.policies)
        }
        try checkBytes(more: grown.bytesCount - bytesCount, bounds)
        guard !policies.isEmpty else { return false }
        grown.policyIndex = index
        self = grown
        return true
    }

    private mutating func delete(policies names: [String], at index: UInt64) -> Bool {
        var isChanged = false
        for name in names where removePolicy(name) != nil { isChanged = true }
        if isChanged { policyIndex = index }
        return isChanged
    }

    // MARK: Tokens

    private mutating func create(
        _ token: ACLToken, _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        try checkNew(token)
        try checkRoles(token.roles)
        let max = bounds.tokens - Self.resetTokens
        guard tokenTable.count < max else { throw .full(.tokens, max: max) }
        try checkBytes(more: token.weight, bounds)
        store(new: token, at: index)
        return true
    }

    private func checkNew(_ token: ACLToken) throws(ACLRefusal) {
        guard tokenTable[token.accessorID] == nil, self.token(token.digest) == nil else {
            throw .tokenExists(accessor: token.accessorID)
        }
    }

    private mutating func store(new token: ACLToken, at index: UInt64) {
        insert(token.written(created: index, modified: index))
        tokenIndex = index
    }

    private mutating func update(
        _ change: ACLTokenChange, _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        guard var token = tokenTable[change.accessorID] else {
            throw .unknownToken(accessor: change.accessorID)
        }
        guard token.isGlobal == change.isGlobal else {
            throw .globalToggled(accessor: change.accessorID)
        }
        try checkRoles(change.roles)
        let weight = token.weight
        token.name = change.name
        token.kind = change.kind
        token.policies = change.policies
        token.roles = change.roles
        token.hash = change.hash
        token.modifyIndex = index
        try checkBytes(more: token.weight - weight, bounds)
        insert(token)
        tokenIndex = index
        return true
    }

    private mutating func delete(
        tokens accessors: [String], at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        for accessor in accessors where tokenTable[accessor] == nil {
            throw .unknownToken(accessor: accessor)
        }
        return deleteTokens(accessors, at: index)
    }

    private mutating func deleteTokens(_ accessors: [String], at index: UInt64) -> Bool {
        for accessor in accessors { removeToken(accessor) }
        if !accessors.isEmpty { tokenIndex = index }
        return !accessors.isEmpty
    }

    // MARK: Roles

    private mutating func create(
        _ role: ACLRole, _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        guard roleTable[role.id] == nil else { throw .roleExists(id: role.id) }
        guard roleTable.count < bounds.roles else { throw .full(.roles, max: bounds.roles) }
        var stored = role
        stored.createIndex = index
        try store(stored, replacing: 0, bounds, at: index)
        return true
    }

    private mutating func update(
        _ role: ACLRole, _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        guard let known = roleTable[role.id] else { throw .unknownRole(id: role.id) }
        var stored = role
        stored.createIndex = known.createIndex
        try store(stored, replacing: known.weight, bounds, at: index)
        return true
    }

    private mutating func store(
        _ role: ACLRole, replacing weight: Int, _ bounds: Bounds, at index: UInt64
    ) throws(ACLRefusal) {
        if let other = self.role(named: role.name), other.id != role.id {
            throw .roleNameTaken(role.name)
        }
        for name in role.policies where policyTable[name] == nil {
            throw .unknownPolicy(name: name)
        }
        try checkBytes(more: role.weight - weight, bounds)
        var stored = role
        stored.modifyIndex = index
        insert(stored)
        roleIndex = index
    }

    private mutating func delete(roles ids: [String], at index: UInt64) throws(ACLRefusal) -> Bool {
        for id in ids where roleTable[id] == nil { throw .unknownRole(id: id) }
        for id in ids { removeRole(id) }
        if !ids.isEmpty { roleIndex = index }
        return !ids.isEmpty
    }

    // MARK: Bootstrap

    private mutating func bootstrap(
        _ token: ACLToken, reset: UInt64?, revokesManagement: Bool, _ bounds: Bounds,
        at index: UInt64
    ) throws(ACLRefusal) -> Bool {
        if bootstrapIndex > 0, reset != bootstrapIndex {
            guard let reset else { throw .bootstrapDone(resetIndex: bootstrapIndex) }
            throw .wrongResetIndex(given: reset, resetIndex: bootstrapIndex)
        }
        try checkNew(token)
        var next = self
        if revokesManagement {
            for element in tokenTable where element.value.kind == .management {
                next.removeToken(element.key)
            }
        }
        guard next.tokenTable.count < bounds.tokens else {
            throw .full(.tokens, max: bounds.tokens)
        }
        try next.checkBytes(more: token.weight, max: bounds.bytes)
        next.store(new: token, at: index)
        next.bootstrapIndex = index
        self = next
        return true
    }

    // MARK: Bounds

    private func checkRoles(_ ids: [String]) throws(ACLRefusal) {
        for id in ids where roleTable[id] == nil { throw .unknownRole(id: id) }
    }

    private func checkBytes(more: Int, _ bounds: Bounds) throws(ACLRefusal) {
        try checkBytes(more: more, max: bounds.bytes - Self.resetBytes)
    }

    private func checkBytes(more: Int, max: Int) throws(ACLRefusal) {
        guard more <= 0 || bytesCount + more <= max else { throw .tooManyBytes(max: max) }
    }
}
