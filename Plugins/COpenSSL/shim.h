// SPDX-License-Identifier: Apache-2.0
//
// What OpenSSL has as macros, as functions: Swift sees no others.
#ifndef MARTLET_COPENSSL_SHIM_H
#define MARTLET_COPENSSL_SHIM_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline int cssl_set_versions(SSL_CTX *context, int min, int max) {
    return SSL_CTX_set_min_proto_version(context, min) == 1
        && SSL_CTX_set_max_proto_version(context, max) == 1;
}

// No compression and no renegotiation; no sessions that outlive a connection.
static inline void cssl_set_habits(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
        | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
}

static inline int cssl_add_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline int cssl_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline void cssl_bio_ask_again(BIO *bio) { BIO_set_retry_read(bio); }
static inline void cssl_bio_clear(BIO *bio) { BIO_clear_retry_flags(bio); }

static inline EVP_PKEY *cssl_make_p256_key(void) { return EVP_EC_gen("P-256"); }

static inline long cssl_memory(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// On one line, as "CN = example", in UTF-8.
static inline int cssl_print_name(BIO *bio, X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
}

static inline STACK_OF(X509) *cssl_stack(void) { return sk_X509_new_null(); }
static inline int cssl_push(STACK_OF(X509) *stack, X509 *certificate) {
    return sk_X509_push(stack, certificate);
}
static inline void cssl_free_stack(STACK_OF(X509) *stack) { sk_X509_free(stack); }

static inline int cssl_names_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}
static inline const GENERAL_NAME *cssl_name(const GENERAL_NAMES *names, int place) {
    return sk_GENERAL_NAME_value(names, place);
}
// The text or the bytes of a name of one of these types; NULL for another.
static inline const ASN1_STRING *cssl_name_text(const GENERAL_NAME *name) {
    return name->type == GEN_DNS ? name->d.dNSName
        : name->type == GEN_IPADD ? name->d.iPAddress : NULL;
}
static inline int cssl_is_address(const GENERAL_NAME *name) { return name->type == GEN_IPADD; }

static inline int cssl_purposes_count(const EXTENDED_KEY_USAGE *purposes) {
    return sk_ASN1_OBJECT_num(purposes);
}
static inline const char *cssl_purpose(const EXTENDED_KEY_USAGE *purposes, int place) {
    return OBJ_nid2ln(OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, place)));
}

#endif
