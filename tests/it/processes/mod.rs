//! Workers as the processes that they are: who stops them, what limits them, and what others see of them.

mod few;
mod hard_limits;
mod names;
mod suspended;
