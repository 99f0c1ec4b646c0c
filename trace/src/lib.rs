//! What every node saw and sent, with the step of the flow.
