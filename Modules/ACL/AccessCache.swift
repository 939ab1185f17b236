// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What ``AccessCache`` reads: the replicated tables.
package protocol AccessTables {
    /// Who presents a secret with this digest.
    func token(_ digest: TokenDigest) -> ACLToken?
    func policy(_ name: String) -> ACLPolicy?
    func role(_ id: String) -> ACLRole?
    /// Differs where anything of the tables differs.
    var accessStamp: AccessStamp { get }
}

/// Which state of the tables something was made of: the indexes of their last changes.
package struct AccessStamp: Equatable, Sendable {
    package let tokens: UInt64
    package let policies: UInt64
    package let roles: UInt64

    package init(tokens: UInt64, policies: UInt64, roles: UInt64) {
        self.tokens = tokens
        self.policies = policies
        self.roles = roles
    }
}

/// What a caller may do. Whether the token has expired, the clock says: ``MartletAPI/ACLToken/isExpired(at:)``.
package final class Access: Sendable {
    /// nil for a request without a token.
    package let token: ACLToken?
    /// Names of the policies that count, those of roles included: each once, in alphabetical order.
    package let policies: [String]
    package let rules: AccessRules

    init(token: ACLToken?, policies: [String], rules: AccessRules) {
        self.token = token
        self.policies = policies
        self.rules = rules
    }
}

/// The rules of tokens that called lately, compiled. Confined to one thread.
///
/// What was made of tables that have changed since is made anew; of policies, only those that changed
/// are read again. A hit allocates nothing. Tokens that are not there are not kept: whoever guesses
/// drives nobody out.
package struct AccessCache {
    private struct Slot {
        var digest: TokenDigest
        var access: Access
        var stamp: AccessStamp
        /// Since the hand passed.
        var wasUsed: Bool
    }

    private let capacity: Int
    private var slots: [Slot] = []
    private var places: [TokenDigest: Int] = [:]
    /// Goes round the slots for the next to give up: one that was used since the last round stays
    /// ("second chance").
    private var hand = 0
    private var anonymous: (access: Access, stamp: AccessStamp)?
    private var shelf = PolicyShelf()

    /// - Precondition: `capacity` is positive.
    package init(capacity: Int = 512) {
        precondition(capacity > 0, "a cache for \(capacity) tokens")
        self.capacity = capacity
    }

    package var count: Int { slots.count }

    /// What the token with this digest may do; nil if there is none.
    package mutating func access(
        _ digest: TokenDigest, in tables: borrowing some AccessTables
    ) -> Access? {
        let stamp = tables.accessStamp
        if let place = places[digest] {
            if slots[place].stamp == stamp {
                slots[place].wasUsed = true
                return slots[place].access
            }
            guard let access = make(digest, tables) else {
                remove(place)
                return nil
            }
            slots[place].access = access
            slots[place].stamp = stamp
            slots[place].wasUsed = true
            return access
        }
        guard let access = make(digest, tables) else { return nil }
        insert(Slot(digest: digest, access: access, stamp: stamp, wasUsed: false))
        return access
    }

    /// What a request without a token may do: what the policy `anonymous` says, if there is one.
    package mutating func anonymousAccess(in tables: borrowing some AccessTables) -> Access {
        let stamp = tables.accessStamp
        if let anonymous, anonymous.stamp == stamp { return anonymous.access }
        let access = shelf.access(nil, of: [ACLPolicy.anonymousName], in: tables)
        anonymous = (access, stamp)
        return access
    }

    private mutating func make(
        _ digest: TokenDigest, _ tables: borrowing some AccessTables
    ) -> Access? {
        guard let token = tables.token(digest) else { return nil }
        switch token.kind {
        case .management: return Access(token: token, policies: [], rules: .management)
        case .client:
            var names = Set(token.policies)
            for id in token.roles { names.formUnion(tables.role(id)?.policies ?? []) }
            return shelf.access(token, of: names.sorted(), in: tables)
        }
    }

    private mutating func insert(_ slot: Slot) {
        guard slots.count == capacity else {
            places[slot.digest] = slots.count
            slots.append(slot)
            return
        }
        while slots[hand].wasUsed {
            slots[hand].wasUsed = false
            hand = (hand + 1) % capacity
        }
        places[slots[hand].digest] = nil
        places[slot.digest] = hand
        slots[hand] = slot
        hand = (hand + 1) % capacity
    }

    private mutating func remove(_ place: Int) {
        places[slots[place].digest] = nil
        let last = slots.removeLast()
        if place < slots.count {
            slots[place] = last
            places[last.digest] = place
        }
        if hand >= slots.count { hand = 0 }
    }
}

/// Policies as they were read, by name and ModifyIndex.
private struct PolicyShelf {
    /// Twice as many as there can be at a time: what was deleted is forgotten then, with the rest.
    private static let entriesMax = 8192

    private struct Entry {
        let modifyIndex: UInt64
        /// nil where the text cannot be read: another program wrote it.
        let rules: PolicyRules?
    }

    private var entries: [String: Entry] = [:]

    mutating func access(
        _ token: ACLToken?, of names: [String], in tables: borrowing some AccessTables
    ) -> Access {
        var there: [String] = []
        var rules: [PolicyRules] = []
        var unreadable: String?
        for name in names {
            guard let policy = tables.policy(name) else {
                entries[name] = nil
                continue
            }
            there.append(name)
            if let read = read(policy) {
                rules.append(read)
            } else {
                unreadable = unreadable ?? name
            }
        }
        return Access(
            token: token, policies: there,
            rules: unreadable.map { .unreadable(policy: $0) } ?? AccessRules(merging: rules))
    }

    private mutating func read(_ policy: ACLPolicy) -> PolicyRules? {
        if let entry = entries[policy.name], entry.modifyIndex == policy.modifyIndex {
            return entry.rules
        }
        let rules: PolicyRules?
        do {
            rules = try PolicyRules(policy: policy.name, rules: policy.rules)
        } catch {
            rules = nil
        }
        if entries.count >= Self.entriesMax { entries = [:] }
        entries[policy.name] = Entry(modifyIndex: policy.modifyIndex, rules: rules)
        return rules
    }
}
