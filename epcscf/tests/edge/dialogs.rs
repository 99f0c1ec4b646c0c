//! TP-DLG: what goes on in calls.
