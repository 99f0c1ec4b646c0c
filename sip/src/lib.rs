//! SIP for IMS: messages, headers, digest, transactions, dialogs. Sans-IO.
