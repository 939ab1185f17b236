// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// A certificate, held for as long as this.
@safe
final class Certificate {
    let pointer: OpaquePointer

    /// Takes over one reference.
    init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }

    // SAFETY: this held one reference.
    deinit { unsafe X509_free(pointer) }

    private static let countMax = 256

    /// The certificates of a file in PEM, in their order; what stands between them is skipped.
    static func all(
        in file: [UInt8], as subject: SecurityError.Subject
    ) throws(SecurityError) -> [Certificate] {
        let input = try MemoryFile(reading: file)
        var found: [Certificate] = []
        // SAFETY: the file outlives the calls; each certificate is taken over once. A file that asks
        // for a password gets none.
        while let pointer = unsafe PEM_read_bio_X509(input.bio, nil, refusePassword, nil) {
            unsafe found.append(Certificate(owning: pointer))
            guard found.count <= countMax else {
                throw SecurityError(subject, "more than \(countMax) certificates")
            }
        }
        let problem = OpenSSLError.takeLast()
        // OpenSSL passes over a block whose lines are damaged.
        guard found.count >= PEM.blocks(of: "CERTIFICATE", in: file), problem.isEndOfFile else {
            throw SecurityError(
                subject, "certificate \(found.count + 1) cannot be read: \(problem.text)")
        }
        guard !found.isEmpty else {
            throw SecurityError(
                subject,
                "no certificate in it: it should hold a block that begins with "
                    + "\"-----BEGIN CERTIFICATE-----\"")
        }
        return found
    }

    /// What it says.
    var facts: CertificateFacts {
        var facts = CertificateFacts()
        facts.subject = unsafe Self.text(of: X509_get_subject_name(pointer))
        facts.issuer = unsafe Self.text(of: X509_get_issuer_name(pointer))
        facts.commonName = commonName
        facts.serialNumber = serialNumber
        facts.isAuthority = unsafe X509_check_ca(pointer) == 1
        facts.usages = usages
        facts.purposes = purposes
        facts.notBefore = unsafe Self.seconds(of: X509_get0_notBefore(pointer))
        facts.notAfter = unsafe Self.seconds(of: X509_get0_notAfter(pointer))
        facts.fingerprint = fingerprint
        readNames(into: &facts)
        return facts
    }

    /// Whether it is for this DNS name; only its alternative names count.
    func isFor(_ name: String) -> Bool {
        unsafe X509_check_host(pointer, name, 0, Self.hostFlags, nil) == 1
    }

    static let hostFlags =
        UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

    private static func text(of name: OpaquePointer?) -> String {
        do throws(SecurityError) {
            let output = try MemoryFile()
            unsafe _ = cssl_print_name(output.bio, name)
            return String(decoding: output.bytes, as: UTF8.self)
        } catch {
            return ""  // No memory for a text: it is only shown.
        }
    }

    private var commonName: String {
        let subject = unsafe X509_get_subject_name(pointer)
        let place = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard place >= 0 else { return "" }
        return unsafe Self.bytes(
            of: X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place))
        ).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private var serialNumber: String {
        // SAFETY: the number is of the certificate; it is small, and copied out.
        let digits = unsafe Self.bytes(of: X509_get0_serialNumber(pointer)) ?? []
        return Self.hexadecimal(digits)
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }

    /// The bits of the extension (RFC 5280 §4.2.1.3).
    private var usages: [String] {
        let bits = unsafe X509_get_key_usage(pointer)
        guard bits != UInt32.max else { return [] }
        let names: [(Int32, String)] = [
            (KU_DIGITAL_SIGNATURE, "Digital Signature"), (KU_NON_REPUDIATION, "Non Repudiation"),
            (KU_KEY_ENCIPHERMENT, "Key Encipherment"),
            (KU_DATA_ENCIPHERMENT, "Data Encipherment"), (KU_KEY_AGREEMENT, "Key Agreement"),
            (KU_KEY_CERT_SIGN, "Certificate Sign"), (KU_CRL_SIGN, "CRL Sign"),
        ]
        return names.filter { bits & UInt32($0.0) != 0 }.map(\.1)
    }

    private var purposes: [String] {
        guard let list = unsafe X509_get_ext_d2i(pointer, NID_ext_key_usage, nil, nil) else {
            return []
        }
        let purposes = OpaquePointer(list)
        defer { unsafe EXTENDED_KEY_USAGE_free(purposes) }
        let count = unsafe cssl_purposes_count(purposes)
        return (0..<count).map {
            let name = unsafe cssl_purpose(purposes, $0)
            return unsafe name.map { unsafe String(cString: $0) } ?? "unknown"
        }
    }

    private func readNames(into facts: inout CertificateFacts) {
        guard let list = unsafe X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else {
            return
        }
        let names = OpaquePointer(list)
        defer { unsafe GENERAL_NAMES_free(names) }
        let count = unsafe cssl_names_count(names)
        for place in 0..<count {
            let name = unsafe cssl_name(names, place)
            guard let bytes = unsafe Self.bytes(of: cssl_name_text(name)) else { continue }
            if unsafe cssl_is_address(name) == 1 {
                if let address = Self.address(bytes) { facts.addresses.append(address) }
            } else {
                facts.dnsNames.append(String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    private static func address(_ bytes: [UInt8]) -> String? {
        func number(_ bytes: some Sequence<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch bytes.count {
        case 4: return SocketAddress.ipv4(UInt32(number(bytes)), port: 0).host
        case 16:
            let host = SocketAddress.ipv6(
                high: number(bytes[..<8]), low: number(bytes[8...]), port: 0
            ).host
            return String(host.dropFirst().dropLast())
        default: return nil
        }
    }

    private var fingerprint: [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        // SAFETY: SHA-256 fills the 32 bytes.
        guard unsafe X509_digest(pointer, EVP_sha256(), &digest, &length) == 1 else { return [] }
        return digest
    }

    /// A copy of what OpenSSL holds.
    private static func bytes(of string: UnsafePointer<ASN1_STRING>?) -> [UInt8]? {
        guard let string = unsafe string, let data = unsafe ASN1_STRING_get0_data(string) else {
            return nil
        }
        // SAFETY: so many bytes lie there, for as long as the certificate is held.
        return unsafe Array(
            UnsafeBufferPointer(start: data, count: Int(ASN1_STRING_length(string))))
    }

    /// Seconds since 1970; what cannot be read has long been over.
    private static func seconds(of time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var (days, seconds): (Int32, Int32) = (0, 0)
        let epoch = unsafe ASN1_TIME_set(nil, 0)
        defer { unsafe ASN1_STRING_free(epoch) }
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return 0 }
        return Int64(days) * 86_400 + Int64(seconds)
    }
}
