//! IMS identities, wildcarded IMPUs, token claims and the rules on them.
