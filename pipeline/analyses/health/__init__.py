"""What are the images like, and does something other than their content give the class away?"""
